// Package tls runs clusters of real processes with TLS between them: who is
// trusted comes in, who is not stays out, and certificates change meanwhile.
package tls
