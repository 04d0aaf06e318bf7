// SPDX-License-Identifier: Apache-2.0

// An ESX host of govmomi's simulator, on loopback, for tests.
//
// Its certificate is its own: the one that the simulator brings has a key
// that OpenSSL finds too weak. What to trust is written to the file -ca.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	address := flag.String("l", "127.0.0.1:0", "address and port; port 0: any")
	user := flag.String("user", "root", "who may log in")
	password := flag.String("pass", "secret", "and with what")
	ca := flag.String("ca", "", "file to write the certificate to; none: no TLS")
	machines := flag.Int("vm", 0, "machines at the start")
	off := flag.Bool("off", false, "which are powered off")
	delay := flag.Int("delay", 0, "milliseconds that each call takes longer")
	idle := flag.Duration("idle", simulator.SessionIdleTimeout,
		"a session that is idle for so long ends")
	vcenter := flag.Bool("vcenter", false, "be a vCenter, which is refused")
	trace := flag.Bool("trace", false, "write each message to standard error")
	flag.Parse()

	model := simulator.ESX()
	if *vcenter {
		model = simulator.VPX()
	}
	model.Machine = *machines
	model.Autostart = !*off
	model.DelayConfig.Delay = *delay
	simulator.SessionIdleTimeout = *idle
	simulator.Trace, simulator.TraceFile = *trace, os.Stderr
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	// It has the folders of the datastores.
	defer model.Remove()
	model.Service.Listen = &url.URL{
		Host: *address, User: url.UserPassword(*user, *password)}
	model.Service.RegisterEndpoints = true
	if *ca != "" {
		model.Service.TLS = &tls.Config{
			Certificates: []tls.Certificate{certificate(*ca)}}
	}
	// Not closed at the end: that would wait for calls which wait for news.
	server := model.Service.NewServer()
	// Without the password, which the URL holds.
	fmt.Println(server.URL.Host)

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}

// certificate makes one for this machine's loopback that signs itself.
func certificate(file string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "vcsim"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"localhost"},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(
		rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(file, text, 0o644); err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
