# SPDX-License-Identifier: Apache-2.0
"""What the machines of the contract tests are made of."""

from nova_hypervisors.clients.vbox import api

NAT = api.Attachment(api.AttachmentKind.NAT)
NIC = api.Nic(1, 'fa:16:3e:00:00:01', '82540EM', NAT)
TUNNEL = api.Attachment(
    api.AttachmentKind.UDP_TUNNEL,
    properties={'dest': '127.0.0.1', 'dport': '20001', 'sport': '20002'})
