package config

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/config/hocon"
)

// listenerKinds are the parts of listeners.
var listenerKinds = []string{tcpListener, "ssl", "ws", "wss"}

const tcpListener = "tcp"

func listenerKeys() []key {
	var out []key
	for _, kind := range listenerKinds {
		out = append(out, commonKeys(kind)...)
		if kind == "ssl" || kind == "wss" {
			out = append(out, tlsKeys(kind)...)
		}
		if kind == "ws" || kind == "wss" {
			out = append(out, webSocketKeys(kind)...)
		}
	}
	return out
}

func commonKeys(kind string) []key {
	path, at := "listeners."+kind+".*.", func(t target) *Listener { return t.listener(kind) }
	return []key{
		{path: path + "bind", read: text(func(t target) *string { return &at(t).Bind }, hostPort)},
		{path: path + "max_connections", read: most(func(t target) *int { return &at(t).MaxConnections }, 1, 10_000_000)},
		{path: path + "max_conn_rate", read: rate(func(t target) *int { return &at(t).MaxConnRate })},
		{path: path + "messages_rate", read: rate(func(t target) *int { return &at(t).MessagesRate })},
		{path: path + "bytes_rate", read: rate(func(t target) *int { return &at(t).BytesRate })},
		{path: path + "enable", read: onOff(func(t target) *bool { return &at(t).Enable })},
		{path: path + "allow_anonymous", read: onOff(func(t target) *bool { return &at(t).AllowAnonymous })},
	}
}

func tlsKeys(kind string) []key {
	path, at := "listeners."+kind+".*.ssl_options.", func(t target) *ListenerTLS { return &t.listener(kind).TLS }
	return []key{
		{path: path + "cacertfile", optional: true, live: true, read: text(func(t target) *string { return &at(t).CACertFile }, filled)},
		{path: path + "certfile", optional: true, live: true, read: text(func(t target) *string { return &at(t).CertFile }, filled)},
		{path: path + "keyfile", optional: true, live: true, read: text(func(t target) *string { return &at(t).KeyFile }, filled)},
		{path: path + "verify", live: true, read: verifyPeer(func(t target) *bool { return &at(t).VerifyPeer })},
		{path: path + "fail_if_no_peer_cert", live: true, read: onOff(func(t target) *bool { return &at(t).FailIfNoPeerCert })},
		{path: path + "handshake_timeout", read: duration(func(t target) *time.Duration { return &at(t).HandshakeTimeout }, 100*time.Millisecond, 5*time.Minute)},
		{path: "listeners." + kind + ".*.peer_cert_as_username", optional: true, live: true, read: certName(func(t target) *string { return &at(t).PeerCertAsUsername })},
	}
}

func webSocketKeys(kind string) []key {
	path, at := "listeners."+kind+".*.websocket.", func(t target) *Listener { return t.listener(kind) }
	return []key{
		{path: path + "mqtt_path", read: text(func(t target) *string { return &at(t).WebSocketPath }, urlPath)},
		{path: path + "max_frame_size", read: frameSize(func(t target) *int { return &at(t).MaxFrameSize })},
	}
}

// rate reads so many a time, such as 1000/s, 60/1m or 1MB/s, as a number a
// second; infinity, or 0, is no limit.
func rate(at func(target) *int) reader {
	return func(t target, v *hocon.Value) error {
		s, err := scalar(v, "a rate such as 1000/s or 1MB/s")
		if err != nil || strings.EqualFold(s, "infinity") {
			return err
		}
		*at(t), err = perSecond(s)
		return err
	}
}

func perSecond(s string) (int, error) {
	bad := fmt.Errorf("found %s, expected a rate such as 1000/s, 60/1m or 1MB/s, or infinity", short(s))
	amount, span, spanned := strings.Cut(s, "/")
	n, err := hocon.Size(strings.TrimSpace(amount))
	if err != nil || n < 0 || n > math.MaxInt32*1000 {
		return 0, bad
	}
	d := time.Second
	if span = strings.TrimSpace(span); spanned {
		if strings.Trim(span, "smhd") == "" {
			span = "1" + span
		}
		if d, err = hocon.Duration(span); err != nil || d < time.Millisecond || d > 24*time.Hour || strings.Trim(span, "0123456789.") == "" {
			return 0, bad
		}
	}
	a := int64(float64(n) / d.Seconds())
	if a == 0 && n > 0 {
		return 0, fmt.Errorf("found %s, expected at least one a second", short(s))
	}
	return int(a), nil
}

func verifyPeer(at func(target) *bool) reader {
	return func(t target, v *hocon.Value) error {
		word, err := words(verify)(v)
		*at(t) = word == "peer"
		return err
	}
}

// certName reads what of a certificate is the user name.
func certName(at func(target) *string) reader {
	return func(t target, v *hocon.Value) error {
		if on, err := hocon.ParseBool(v.Text()); err == nil && !on || strings.EqualFold(v.Text(), "disabled") {
			*at(t) = "off"
			return nil
		}
		return choice(at, "cn san", "dn crt pem md5")(t, v)
	}
}

// urlPath takes the path of a URL.
func urlPath(s string) (string, error) {
	if !strings.HasPrefix(s, "/") || strings.ContainsAny(s, "?#% \t\r\n") || len(s) > 1000 {
		return "", fmt.Errorf("found %s, expected a path such as /mqtt", short(s))
	}
	return s, nil
}

// largestPacket is the largest packet of MQTT, and so the most that a frame is
// good for.
const largestPacket = 268_435_460

func frameSize(at func(target) *int) reader {
	read := size(at, 128, largestPacket)
	return func(t target, v *hocon.Value) error {
		if strings.EqualFold(v.Text(), "infinity") {
			*at(t) = largestPacket
			return nil
		}
		return read(t, v)
	}
}
