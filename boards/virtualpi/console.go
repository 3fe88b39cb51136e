//go:build system

package virtualpi

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// console speaks with the program bench inside the machine through its second
// serial port: a request is a line `ID "COMMAND"`, an answer `=ID CODE "OUTPUT"`.
// Whatever else comes, such as messages of the kernel, goes to the log only.
type console struct {
	log    io.Writer
	booted chan answer // receives one answer, before any request
	begun  []byte      // a line that has not ended; only Write uses it

	mu      sync.Mutex
	keys    io.Writer
	last    int                 // id of the last request
	waiting map[int]chan answer // requests without an answer, by id
}

// answer is how a command ended.
type answer struct {
	code   int
	output string
}

func newConsole(keys, log io.Writer) *console {
	booted := make(chan answer, 1)
	return &console{log: log, keys: keys, booted: booted, waiting: map[int]chan answer{0: booted}}
}

// ask sends a command. Its answer comes on the channel, unless the machine ends.
func (c *console) ask(command string) (id int, answers <-chan answer, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	if _, err := fmt.Fprintf(c.keys, "%d %+q\n", c.last, command); err != nil {
		return 0, nil, err
	}
	ch := make(chan answer, 1)
	c.waiting[c.last] = ch
	return c.last, ch, nil
}

// forget drops a request that nobody waits for any more.
func (c *console) forget(id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// Write takes what the machine sends.
func (c *console) Write(p []byte) (int, error) {
	n, err := c.log.Write(p)
	if err != nil {
		return n, err
	}
	c.begun = append(c.begun, p...)
	for {
		line, rest, found := bytes.Cut(c.begun, []byte("\n"))
		if !found {
			return len(p), nil
		}
		c.begun = rest
		c.receive(string(line))
	}
}

// receive hands an answer to who waits for it.
func (c *console) receive(line string) {
	text, ok := strings.CutPrefix(strings.TrimSpace(line), "=")
	field := strings.SplitN(text, " ", 3)
	if !ok || len(field) != 3 {
		return
	}
	id, idErr := strconv.Atoi(field[0])
	code, codeErr := strconv.Atoi(field[1])
	output, textErr := strconv.Unquote(field[2])
	if idErr != nil || codeErr != nil || textErr != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch, ok := c.waiting[id]; ok {
		delete(c.waiting, id)
		ch <- answer{code, output}
	}
}
