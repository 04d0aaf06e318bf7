# SPDX-License-Identifier: Apache-2.0
"""How long it takes to look after many nodes of bare metal.

    python -m benchmarks.baremetal [--nodes 1000] [--latency-ms 50]

No machine is asked: each answers after a time that is set.  So what is seen is
the driver's own, and how it waits for many at once.
"""
