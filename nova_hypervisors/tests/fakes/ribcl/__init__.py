# SPDX-License-Identifier: Apache-2.0
"""An iLO 4 that is none: RIBCL over HTTPS, with a machine behind it.

Answers are framed as those that HPE's own library proliantutils was tested
with, which were captured; ``contract/bmc/test_ribcl_stand_in.py`` compares
the two, and lets python-hpilo, which others have written, talk to it.  What
is guessed, because nobody has written it down, is called a GUESS here.
"""
