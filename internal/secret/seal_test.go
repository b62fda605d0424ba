package secret

import (
	"errors"
	"strings"
	"testing"
)

func TestSeal_OpensOnlyAtItsBinding(t *testing.T) {
	t.Parallel()
	ring := testRing(t)
	home := Binding{Table: "credentials", Column: "secret", Row: "42"}
	sealed, err := ring.Seal([]byte("totp seed"), home)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(sealed, "v1."+ring.Active()+".") || strings.Contains(sealed, "totp") {
		t.Errorf("got %q", sealed)
	}
	got, err := ring.Open(sealed, home)
	if err != nil || string(got) != "totp seed" {
		t.Fatalf("got %q, %v", got, err)
	}
	// An attacker who can write to the database moves a value he knows to somebody else's row.
	for _, b := range []Binding{
		{"credentials", "secret", "43"},
		{"credentials", "secret4", "2"},
		{"credentialssecret", "", "42"},
		{"users", "secret", "42"},
		{},
	} {
		if _, err := ring.Open(sealed, b); !errors.Is(err, ErrCannotOpen) {
			t.Errorf("open at %v: got %v, want ErrCannotOpen", b, err)
		}
	}
	if _, err := ring.Seal([]byte("x"), Binding{Table: "t", Column: "c"}); err == nil {
		t.Error("sealed without a row")
	}
}

func TestOpen_RefusesDamage(t *testing.T) {
	t.Parallel()
	ring := testRing(t)
	b := Binding{"t", "c", "r"}
	sealed, err := ring.Seal([]byte("value"), b)
	if err != nil {
		t.Fatal(err)
	}
	damaged := []string{
		"", "v1", "v1..", "v1." + ring.Active() + ".", "v2" + sealed[2:], sealed[:len(sealed)-2], sealed + "A",
		sealed + "\n", strings.Replace(sealed, ring.Active(), "nokey", 1), strings.Repeat("A", maxSealed+1),
	}
	for i := 3; i < len(sealed); i++ {
		letter := byte('x')
		if sealed[i] == 'x' {
			letter = 'y'
		}
		damaged = append(damaged, sealed[:i]+string(letter)+sealed[i+1:])
	}
	for _, d := range damaged {
		if got, err := ring.Open(d, b); !errors.Is(err, ErrCannotOpen) {
			t.Errorf("open %.80q: got %q, %v, want ErrCannotOpen", d, got, err)
		}
	}
}

func TestSeal_RotationKeepsOldValuesAndTellsThem(t *testing.T) {
	t.Parallel()
	oldKey, newKey := GenerateKey(), GenerateKey()
	before, after := testRing(t, oldKey), testRing(t, newKey, oldKey)
	b := Binding{"t", "c", "r"}
	sealed, err := before.Seal([]byte("value"), b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Open(sealed, b); err != nil || string(got) != "value" {
		t.Errorf("after rotation: got %q, %v", got, err)
	}
	if !before.SealedWithActive(sealed) || after.SealedWithActive(sealed) || after.SealedWithActive("rubbish") {
		t.Error("SealedWithActive does not tell old from new")
	}
	if _, err := testRing(t, newKey).Open(sealed, b); !errors.Is(err, ErrCannotOpen) {
		t.Errorf("without the old key: got %v, want ErrCannotOpen", err)
	}
	// A key with the same name but another secret is another key.
	impostor := GenerateKey()
	impostor.ID = oldKey.ID
	if _, err := testRing(t, impostor).Open(sealed, b); !errors.Is(err, ErrCannotOpen) {
		t.Errorf("with an impostor key: got %v, want ErrCannotOpen", err)
	}
}

func FuzzOpen(f *testing.F) {
	ring := testRing(f, Key{ID: "k", Secret: []byte("0123456789abcdef0123456789abcdef")})
	// Made once with this key: it also pins the format, since sealed values outlive releases.
	const sealed = "v1.k.r91eP76QEZBeyMiq_K-GAWqCQgeUkIKJWL7wLNSH-ph4"
	if got, err := ring.Open(sealed, Binding{"t", "c", "r"}); err != nil || string(got) != "value" {
		f.Fatalf("the format of sealed values has changed: %v", err)
	}
	f.Add(sealed, "t", "c", "r")
	f.Fuzz(func(t *testing.T, text, table, column, row string) {
		got, err := ring.Open(text, Binding{table, column, row})
		if err == nil && (text != sealed || string(got) != "value" || table != "t" || column != "c" || row != "r") {
			t.Errorf("opened %q at %q %q %q", text, table, column, row)
		}
	})
}
