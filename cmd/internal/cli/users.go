package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/muster-mqtt/muster/mqtt/access"
	"github.com/spf13/cobra"
)

const usersLong = `Changes the file that authentication.users_file names: one user a line, with a
hash of the password. The file is replaced as a whole, and made if there is
none. A node that uses it takes the change within seconds, or at once on SIGHUP.

A password is read from the terminal without being shown, or from a file. It is
never an argument, since other users of the machine can see those.`

const usersExample = `  muster users add /etc/muster/users alice
  muster users add /etc/muster/users bridge --password-file /run/secrets/bridge
  pwgen 20 1 | muster users passwd /etc/muster/users alice --password-file -
  muster users list /etc/muster/users`

func (c *cli) users() *cobra.Command {
	cmd := &cobra.Command{Use: "users", Short: "Add, remove and list those who may log in", Long: usersLong, Example: usersExample}
	parent(cmd)
	cmd.AddCommand(c.usersAdd(), c.usersRemove(), c.usersPasswd(), c.usersList())
	return cmd
}

func (c *cli) usersAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add FILE NAME",
		Short: "Add a user; makes the file if there is none",
		Args:  takes(2, 2),
	}
	f := cmd.Flags()
	passwordFlag(cmd)
	f.Bool("no-password", false, "no password lets this user in, only a certificate")
	f.Bool("superuser", false, "the user may publish and subscribe to everything")
	f.Bool("disabled", false, "neither a password nor a certificate lets this user in")
	f.SortFlags = false
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		u := access.User{Name: args[1]}
		u.Superuser, _ = f.GetBool("superuser")
		u.Disabled, _ = f.GetBool("disabled")
		var password []byte
		switch none, _ := f.GetBool("no-password"); {
		case none && f.Changed("password-file"):
			return usagef("--no-password and --password-file: give one of them")
		case !none:
			var err error
			if password, err = c.password(cmd); err != nil {
				return err
			}
		}
		if err := access.AddUser(args[0], u, password); err != nil {
			return err
		}
		c.say("Added %s to %s.", oneLine(args[1]), args[0])
		return nil
	}
	return cmd
}

func (c *cli) usersRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove FILE NAME",
		Short: "Remove a user",
		Long:  "Removes a user, who may do nothing from then on: not log in, and, if connected,\nnot publish or subscribe.",
		Args:  takes(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := access.RemoveUser(args[0], args[1]); err != nil {
				return err
			}
			c.say("Removed %s from %s.", oneLine(args[1]), args[0])
			return nil
		},
	}
}

func (c *cli) usersPasswd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "passwd FILE NAME",
		Short: "Give a user another password",
		Args:  takes(2, 2),
	}
	passwordFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		password, err := c.password(cmd)
		if err != nil {
			return err
		}
		if err := access.SetPassword(args[0], args[1], password); err != nil {
			return err
		}
		c.say("Changed the password of %s in %s.", oneLine(args[1]), args[0])
		return nil
	}
	return cmd
}

func (c *cli) usersList() *cobra.Command {
	cmd := printing(&cobra.Command{
		Use:   "list FILE",
		Short: "Show the users and their flags",
		Args:  takes(1, 1),
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		users, err := access.ListUsers(args[0])
		if err != nil {
			return err
		}
		if on, _ := cmd.Flags().GetBool("json"); on {
			return c.printJSON(map[string]any{"users": append([]access.User{}, users...)})
		}
		rows := [][]string{{"Name", "Password", "Superuser", "Disabled"}}
		for _, u := range users {
			rows = append(rows, []string{u.Name, u.Password, yes(u.Superuser), yes(u.Disabled)})
		}
		return c.printTable(rows)
	}
	return cmd
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func passwordFlag(cmd *cobra.Command) {
	cmd.Flags().String("password-file", "", "read the password from `FILE`, - is standard input; a line end after it does not count")
}

// password reads a password from where the flags say, else from the terminal.
func (c *cli) password(cmd *cobra.Command) ([]byte, error) {
	f := cmd.Flags()
	if name, _ := f.GetString("password-file"); f.Changed("password-file") {
		return c.passwordFrom(name)
	}
	if c.Secret == nil {
		return nil, usagef("%s: standard input is no terminal: give --password-file FILE, or --password-file - to read it from standard input", cmd.CommandPath())
	}
	return c.passwordTwice(cmd.Context())
}

// maxPasswordFile is larger than any password may be.
const maxPasswordFile = 4096

func (c *cli) passwordFrom(name string) ([]byte, error) {
	in := c.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read the password: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxPasswordFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read the password: %w", err)
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(b, "\r\n") {
		return nil, errors.New("the password has more than one line")
	}
	return append([]byte{}, b...), nil
}

// passwordTwice asks for a password and asks again, as nobody sees what they
// type.
func (c *cli) passwordTwice(ctx context.Context) ([]byte, error) {
	first, err := c.Secret(ctx, "Password: ")
	if err != nil {
		return nil, err
	}
	again, err := c.Secret(ctx, "Again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, again) {
		return nil, errors.New("the two passwords differ: nothing was changed")
	}
	return append([]byte{}, first...), nil
}
