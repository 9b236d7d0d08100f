package hocon_test

import (
	"fmt"
	"os"

	"github.com/muster-mqtt/muster/config/hocon"
)

// Two layers: the later one wins, and the first refers to what it says.
func Example() {
	base, err := hocon.Parse("base.conf", []byte("dir = data, log { level = info, file = ${dir}/log }"), hocon.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	over, err := hocon.Parse("site.conf", []byte("dir = /srv\nlog.level = debug"), hocon.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	base.Merge(over)
	v, err := base.Resolve(os.LookupEnv)
	if err != nil {
		fmt.Println(err)
		return
	}
	level := v.Get("log", "level")
	fmt.Println(v.Get("log", "file").Text(), level.Text(), level.Origin())
	// Output: /srv/log debug site.conf:2:13
}
