# What people type.  The work is done by the lab: python3 -m lab --help

PYTHON ?= python3

.PHONY: help demo test test-long up down clean virtualbox lint docs generate proofs \
	tempest tempest-full browser browser-esx crash redfish releases soak vcsim

help:
	@echo 'make demo        a cloud on this machine, and a server in it'
	@echo 'make demo HYPERVISOR=esx'
	@echo '                 the same on a simulated ESX host'
	@echo 'make demo HYPERVISOR=baremetal'
	@echo '                 a bare machine is deployed: QEMU behind an iLO'
	@echo 'make demo HYPERVISOR=baremetal NODES=virtualbox|openstack'
	@echo '                 the same on a machine of VirtualBox, and on a'
	@echo '                 server of this cloud'
	@echo 'make test        every test, with every release of Nova'
	@echo
	@echo 'make test-long   the tests that are too long for every day'
	@echo 'make up          start the cloud, or start it again'
	@echo 'make down        stop the cloud'
	@echo 'make clean       delete the lab: all that is in LAB_DIR'
	@echo 'make virtualbox  only the VirtualBox of the lab, for the tests'
	@echo 'make vcsim       and the simulated ESX host, for the tests'
	@echo 'make lint        what the continuous integration says of the style'
	@echo 'make docs        the documentation, in doc/build/html'
	@echo 'make generate    write the files anew that are made from the code'
	@echo 'make proofs      run every test and note which row it proves'
	@echo "make tempest     Tempest's tests against the cloud of the demo"
	@echo 'make tempest HYPERVISOR=esx'
	@echo '                 the same on the simulated ESX host'
	@echo 'make tempest-full'
	@echo '                 all that Tempest has for servers'
	@echo "make browser     open a server's console in a real browser"
	@echo 'make browser-esx the same of a server on a fake ESX host'
	@echo 'make crash       kill nova-compute while it makes a server'
	@echo "make redfish     DMTF's validator, for our Redfish service"
	@echo 'make releases    every release of Nova with its constraints'
	@echo 'make soak        make and delete a thousand servers, twice'

demo test test-long up down clean virtualbox lint docs generate proofs tempest \
		tempest-full browser browser-esx crash redfish releases soak vcsim:
	@$(PYTHON) -m lab $@
