package foreign

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMosquitto plays the scenes with mosquitto_pub, mosquitto_sub and
// mosquitto_rr in both versions.
func TestMosquitto(t *testing.T) {
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub", "mosquitto_rr", "stdbuf"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("skip: %s is not installed (.ci/install does)", name)
		}
	}
	for version, flag := range map[string]string{"3.1.1": "mqttv311", "5.0": "mqttv5"} {
		m := mosquitto{flag}
		t.Run(version, func(t *testing.T) {
			t.Run("qos", m.qos)
			t.Run("resume", m.resume)
			t.Run("will", m.will)
			t.Run("retained", m.retained)
			t.Run("order", m.order)
			t.Run("request", m.request)
		})
	}
	five := mosquitto{"mqttv5"}
	t.Run("aliases", five.aliases)
	t.Run("shared", five.shared)
	t.Run("flow", five.flow)
	t.Run("expiry", five.expiry)
}

// mosquitto is the set of programs, speaking one version.
type mosquitto struct{ version string }

func (m mosquitto) command(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	host, port := hostPort(t)
	return exec.CommandContext(t.Context(), program, append([]string{"-h", host, "-p", port, "-V", m.version}, args...)...)
}

// do runs a program to its end and returns what it prints.
func (m mosquitto) do(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := m.command(t, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (m mosquitto) pub(t *testing.T, args ...string) {
	t.Helper()
	m.do(t, "mosquitto_pub", args...)
}

// subscriber is a mosquitto_sub that runs.
type subscriber struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // what it prints of messages: topic qos retain payload
	ended chan struct{}
}

// sub starts a mosquitto_sub and waits until it has subscribed.
func (m mosquitto) sub(t *testing.T, args ...string) *subscriber {
	t.Helper()
	args = append([]string{"-d", "-F", "MESSAGE %t %q %r %p"}, args...)
	cmd := m.command(t, "mosquitto_sub", args...)
	// It would keep "Subscribed" to itself until its buffer is full.
	cmd = exec.CommandContext(t.Context(), "stdbuf", append([]string{"-oL"}, cmd.Args...)...)
	s := &subscriber{t: t, cmd: cmd, lines: make(chan string, 1000), ended: make(chan struct{})}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	subscribed := make(chan struct{}, 10)
	go func() {
		defer close(s.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if text, is := strings.CutPrefix(lines.Text(), "MESSAGE "); is {
				s.lines <- text
			} else if strings.HasPrefix(lines.Text(), "Subscribed") {
				subscribed <- struct{}{}
			}
		}
		_ = s.cmd.Wait()
	}()
	t.Cleanup(s.kill)
	wait(t, "the subscription", subscribed)
	return s
}

func (s *subscriber) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// want wants these lines next.
func (s *subscriber) want(lines ...string) {
	s.t.Helper()
	for _, want := range lines {
		if got := wait(s.t, want, s.lines); got != want {
			s.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func (m mosquitto) qos(t *testing.T) {
	topic := topicOf(t, "t")
	for granted := range 3 {
		s := m.sub(t, "-t", topic, "-q", fmt.Sprint(granted))
		for qos := range 3 {
			m.pub(t, "-t", topic, "-q", fmt.Sprint(qos), "-m", fmt.Sprint("message ", qos))
			s.want(fmt.Sprintf("%s %d 0 message %d", topic, min(qos, granted), qos))
		}
		s.kill()
	}
}

// resume: a session collects while its client is away.
func (m mosquitto) resume(t *testing.T) {
	topic := topicOf(t, "t")
	args := []string{"-i", idOf(t, "s"), "-c", "-q", "2", "-t", topic}
	if m.version == "mqttv5" {
		args = append(args, "-x", "600")
	}
	m.do(t, "mosquitto_sub", append(args, "-E")...)
	// It hands out QoS 2 with its PUBREL, so that a message of QoS 1 behind one
	// would come first.
	var want []string
	for i := range 6 {
		m.pub(t, "-t", topic, "-q", fmt.Sprint(1+i/3), "-m", fmt.Sprint(i))
		want = append(want, fmt.Sprintf("%s %d 0 %d", topic, 1+i/3, i))
	}
	m.sub(t, args...).want(want...)
}

// will: of a client that is killed.
func (m mosquitto) will(t *testing.T) {
	topic := topicOf(t, "will")
	s := m.sub(t, "-t", topic, "-q", "2")
	x := m.sub(t, "-t", topicOf(t, "t"), "--will-topic", topic, "--will-payload", "gone", "--will-qos", "2", "--will-retain")
	x.kill()
	s.want(topic + " 2 0 gone")
	m.sub(t, "-t", topic, "-q", "1").want(topic + " 1 1 gone")
	m.pub(t, "-t", topic, "-r", "-n")
}

func (m mosquitto) retained(t *testing.T) {
	for i, name := range []string{"a", "a/b", "c"} {
		m.pub(t, "-t", topicOf(t, name), "-r", "-q", fmt.Sprint(i), "-m", "kept")
	}
	m.sub(t, "-t", topicOf(t, "a/b"), "-q", "2").want(topicOf(t, "a/b") + " 1 1 kept")
	s := m.sub(t, "-t", topicOf(t, "+"), "-q", "2")
	got := []string{wait(t, "the first", s.lines), wait(t, "the second", s.lines)}
	if all := strings.Join(got, ","); !strings.Contains(all, topicOf(t, "a")+" 0 1 kept") || !strings.Contains(all, topicOf(t, "c")+" 2 1 kept") {
		t.Fatalf("got %q", got)
	}
	m.pub(t, "-t", topicOf(t, "a"), "-r", "-n")
	s.want(topicOf(t, "a") + " 0 0 ")
	late := m.sub(t, "-t", topicOf(t, "a"), "-t", topicOf(t, "c"))
	late.want(topicOf(t, "c") + " 0 1 kept")
	m.pub(t, "-t", topicOf(t, "a"), "-m", "live")
	late.want(topicOf(t, "a") + " 0 0 live")
	for _, name := range []string{"a/b", "c"} {
		m.pub(t, "-t", topicOf(t, name), "-r", "-n")
	}
}

// order: many lines, each a message.
func (m mosquitto) order(t *testing.T) {
	topic := topicOf(t, "t")
	for qos := range 3 {
		s := m.sub(t, "-t", topic, "-q", fmt.Sprint(qos))
		var lines, want []string
		for i := range 300 {
			lines, want = append(lines, fmt.Sprint(i)), append(want, fmt.Sprintf("%s %d 0 %d", topic, qos, i))
		}
		cmd := m.command(t, "mosquitto_pub", "-t", topic, "-q", fmt.Sprint(qos), "-l")
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		s.want(want...)
		s.kill()
	}
}

// request: mosquitto_rr asks, and the test answers through the other two.
func (m mosquitto) request(t *testing.T) {
	ask, answer := topicOf(t, "questions"), topicOf(t, "answers")
	format := answer + " -"
	if m.version == "mqttv5" {
		format = "%R %D"
	}
	s := m.sub(t, "-t", ask, "-F", "MESSAGE "+format+" %p")
	done := make(chan string, 1)
	args := []string{"-t", ask, "-e", answer, "-m", "how much", "-W", fmt.Sprint(within.Seconds())}
	if m.version == "mqttv5" {
		args = append(args, "-D", "publish", "correlation-data", "number-1")
	}
	rr := m.command(t, "mosquitto_rr", args...)
	go func() {
		out, err := rr.CombinedOutput()
		done <- fmt.Sprint(strings.TrimSpace(string(out)), " ", err)
	}()
	words := strings.SplitN(wait(t, "the question", s.lines), " ", 3)
	if len(words) != 3 || words[0] != answer || words[2] != "how much" {
		t.Fatalf("got %q", words)
	}
	args = []string{"-t", words[0], "-m", "so much"}
	if m.version == "mqttv5" {
		args = append(args, "-D", "publish", "correlation-data", words[1])
	}
	m.pub(t, args...)
	if got := wait(t, "the answer", done); got != "so much <nil>" {
		t.Fatalf("got %q", got)
	}
}

// aliases: mosquitto_pub sends the topic once, and then its alias.
func (m mosquitto) aliases(t *testing.T) {
	topic := topicOf(t, "t")
	s := m.sub(t, "-t", topic, "-q", "1")
	cmd := m.command(t, "mosquitto_pub", "-t", topic, "-q", "1", "-l", "-D", "publish", "topic-alias", "3")
	cmd.Stdin = strings.NewReader("one\ntwo\nthree\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.want(topic+" 1 0 one", topic+" 1 0 two", topic+" 1 0 three")
}

// shared: each message to one of two.
func (m mosquitto) shared(t *testing.T) {
	topic := topicOf(t, "t")
	shared := "$share/" + idOf(t, "group") + "/" + topic
	a, b := m.sub(t, "-t", shared, "-q", "1"), m.sub(t, "-t", shared, "-q", "1")
	seen := map[string]int{}
	late := time.NewTimer(within)
	defer late.Stop()
	for i := range 20 {
		m.pub(t, "-t", topic, "-q", "1", "-m", fmt.Sprint(i))
		select {
		case line := <-a.lines:
			seen[line]++
		case line := <-b.lines:
			seen[line]++
		case <-late.C:
			t.Fatalf("message %d did not come", i)
		}
	}
	if len(seen) != 20 || len(a.lines)+len(b.lines) > 0 {
		t.Fatalf("%d of 20 came, %d more than once", len(seen), len(a.lines)+len(b.lines))
	}
}

// flow: a client that takes one message at a time gets them all.
func (m mosquitto) flow(t *testing.T) {
	topic := topicOf(t, "t")
	args := []string{"-i", idOf(t, "s"), "-c", "-x", "600", "-q", "2", "-t", topic, "-D", "connect", "receive-maximum", "1"}
	m.do(t, "mosquitto_sub", append(args, "-E")...)
	var want []string
	for i := range 10 {
		m.pub(t, "-t", topic, "-q", "2", "-m", fmt.Sprint(i))
		want = append(want, fmt.Sprintf("%s 2 0 %d", topic, i))
	}
	m.sub(t, args...).want(want...)
}

// expiry: the properties of a message reach a mosquitto_sub.
func (m mosquitto) expiry(t *testing.T) {
	topic := topicOf(t, "t")
	s := m.sub(t, "-t", topic, "-F", "MESSAGE %C %E %P %p")
	m.pub(t, "-t", topic, "-m", "m", "-D", "publish", "content-type", "text", "-D", "publish", "message-expiry-interval", "1000", "-D", "publish", "user-property", "a", "b")
	if got := wait(t, "the message", s.lines); got != "text 1000 a:b m" && got != "text 999 a:b m" {
		t.Fatalf("got %q", got)
	}
}
