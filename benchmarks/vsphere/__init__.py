# SPDX-License-Identifier: Apache-2.0
"""How fast the client of ESX hosts is, beside others of the same API.

All of them talk to the same simulator (vcsim, "make vcsim") on loopback, each
in a process of its own, one after another in turns; the medians are shown.
The floor is what requests and lxml take for the same bytes without knowing
what they mean.  oslo.vmware has no WSDL of its own: it is given one with all
types, as a host serves it.
"""
