package etcdtest

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// The users of a cluster on which Protect was called.
const (
	Root         = "root"
	RootPassword = "the-password-of-root"
	User         = "muster" // and the name of its role
	Password     = "the-password-of-muster"
)

// Protect makes the two users and switches authentication on. User may read
// and write the keys below prefix and nothing else.
func (c *Cluster) Protect(prefix string) error {
	return c.As("", "", func(ctx context.Context, e *clientv3.Client) error {
		for _, step := range []func() error{
			func() error { _, err := e.RoleAdd(ctx, Root); return err },
			func() error { _, err := e.RoleAdd(ctx, User); return err },
			func() error { return grant(ctx, e, prefix) },
			func() error { _, err := e.UserAdd(ctx, Root, RootPassword); return err },
			func() error { _, err := e.UserAdd(ctx, User, Password); return err },
			func() error { _, err := e.UserGrantRole(ctx, Root, Root); return err },
			func() error { _, err := e.UserGrantRole(ctx, User, User); return err },
			func() error { _, err := e.AuthEnable(ctx); return err },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

func grant(ctx context.Context, e *clientv3.Client, prefix string) error {
	_, err := e.RoleGrantPermission(ctx, User, prefix, clientv3.GetPrefixRangeEnd(prefix), clientv3.PermissionType(clientv3.PermReadWrite))
	return err
}

// Deny takes the right to the keys from User, or gives it back.
func (c *Cluster) Deny(prefix string, on bool) error {
	return c.As(Root, RootPassword, func(ctx context.Context, e *clientv3.Client) error {
		if !on {
			return grant(ctx, e, prefix)
		}
		_, err := e.RoleRevokePermission(ctx, User, prefix, clientv3.GetPrefixRangeEnd(prefix))
		return err
	})
}
