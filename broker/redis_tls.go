package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// RedisTLS is what TLS to Redis needs beside the system's own certificates; names of PEM files, none is required.
type RedisTLS struct {
	CA   string // who vouches for Redis, in place of the system's authorities
	Cert string // shown to a Redis that asks who we are, which by its default it does
	Key  string // of Cert
}

// CheckRedisTLS says what is wrong with files that are to be used with a URL, or nil. It reads the files and connects to nothing.
func CheckRedisTLS(url string, files RedisTLS) error {
	if files != (RedisTLS{}) && !strings.HasPrefix(url, "rediss") {
		return errors.New("certificates are for TLS, and the URL asks for none: write rediss in place of redis")
	}
	_, err := files.config()
	return err
}

func (t RedisTLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: there is no certificate in it, which would begin with -----BEGIN CERTIFICATE-----", t.CA)
		}
	}
	switch {
	case t.Cert == "" && t.Key == "":
		return c, nil
	case t.Cert == "" || t.Key == "":
		return nil, errors.New("a certificate and its key go together: name both files")
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", t.Cert, t.Key, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}
