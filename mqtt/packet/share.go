package packet

import (
	"errors"
	"strings"

	"github.com/muster-mqtt/muster/core"
)

// sharePrefix begins the filter of a shared subscription [5.0 MQTT-4.8.2-1].
const sharePrefix = "$share/"

var (
	errShareName   = errors.New("the share name is empty or has a wildcard")
	errShareFilter = errors.New("no filter follows the share name")
)

// Share splits the filter of a shared subscription, $share/NAME/FILTER, into
// the name of the group and the filter proper. group is "" and of is f when it
// is not of that form. 3.1.1 has no shared subscriptions: whether its clients
// get them is for the caller to say.
func Share(f core.Filter) (group string, of core.Filter) {
	if !isShared(f) {
		return "", f
	}
	if _, err := checkShare(f); err != nil {
		return "", f
	}
	group, rest, _ := strings.Cut(string(f[len(sharePrefix):]), "/")
	return group, core.Filter(rest)
}

func isShared(f core.Filter) bool { return strings.HasPrefix(string(f), sharePrefix) }

// checkShare checks a filter that begins with sharePrefix, and names the
// clause that it breaks.
func checkShare(f core.Filter) (clause string, err error) {
	name, rest, more := strings.Cut(string(f[len(sharePrefix):]), "/")
	switch {
	case name == "":
		return "MQTT-4.8.2-1", errShareName
	case strings.ContainsAny(name, "+#"):
		return "MQTT-4.8.2-2", errShareName
	case !more || rest == "":
		return "MQTT-4.8.2-2", errShareFilter
	}
	return "", nil
}
