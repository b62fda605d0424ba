package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParseKeyring_ReadsWhatLineWrites(t *testing.T) {
	t.Parallel()
	a, b := GenerateKey(), GenerateKey()
	text := "\ufeff# made today\n" + a.Line() + "\r\n\n  " + b.ID + ": " + strings.TrimRight(base64.URLEncoding.EncodeToString(b.Secret), "=") + "\n"
	ring, err := ParseKeyring([]byte(text))
	if err != nil {
		t.Fatalf("ParseKeyring: %v", err)
	}
	if got, want := fmt.Sprint(ring.Active(), ring.IDs()), fmt.Sprint(a.ID, []string{a.ID, b.ID}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Both spellings of base64 give the same key.
	sealed, err := testRing(t, b).Seal([]byte("x"), Binding{"t", "c", "r"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Open(sealed, Binding{"t", "c", "r"}); err != nil {
		t.Errorf("open with the parsed second key: %v", err)
	}
}

func TestParseKeyring_ErrorsNameTheLineNotItsContent(t *testing.T) {
	t.Parallel()
	good, other := GenerateKey(), GenerateKey()
	secretText := base64.StdEncoding.EncodeToString(good.Secret)
	cases := map[string]struct{ text, want string }{
		"empty":           {"# nothing\n", "empty"},
		"bare secret":     {"# x\n" + secretText + "\n", "line 2"},
		"upper case id":   {"KEY:" + secretText, "line 1"},
		"long id":         {"abcdefghijklmnopq:" + secretText, "line 1"},
		"short secret":    {good.Line() + "\n\nb:" + secretText[:20], "line 3"},
		"no base64":       {"a:" + strings.Repeat("*", 43), "line 1"},
		"placeholder":     {"a:" + base64.StdEncoding.EncodeToString(make([]byte, 32)), "line 1"},
		"same id twice":   {good.Line() + "\n" + good.ID + other.Line()[10:], "used twice"},
		"same key twice":  {good.Line() + "\nb" + good.Line()[10:], "same secret"},
		"huge":            {strings.Repeat("#", maxKeyText+1), "right file"},
		"newline in body": {"a:" + secretText[:10] + "\n" + secretText[10:], "line 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseKeyring([]byte(c.text))
			if err == nil {
				t.Fatal("got no error")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want it to contain %q", err, c.want)
			}
			if strings.Contains(err.Error(), secretText[:12]) {
				t.Errorf("the error shows the secret: %q", err)
			}
		})
	}
}

func TestSecrets_AreNotPrinted(t *testing.T) {
	t.Parallel()
	key := GenerateKey()
	ring := testRing(t, key)
	token := ring.NewToken(TokenRefresh, testID)
	password := Redacted("hunter2-hunter2")
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	values := []any{key, &key, ring, token, &token, password, []any{key, token, password}, map[string]any{"k": key, "t": token, "p": password}}
	for _, v := range values {
		fmt.Fprintf(&log, "%v %+v %#v %s\n", v, v, v, v)
		logger.Info("test", slog.Any("value", v))
		if b, err := json.Marshal(v); err != nil {
			t.Errorf("marshal: %v", err)
		} else {
			log.Write(b)
		}
	}
	for _, leak := range []string{
		base64.StdEncoding.EncodeToString(key.Secret), string(key.Secret), fmt.Sprint(key.Secret)[1:20],
		token.Text, password.Reveal(),
	} {
		if strings.Contains(log.String(), leak) {
			t.Errorf("%q leaks in %s", leak, log.String())
		}
	}
}

func FuzzParseKeyring(f *testing.F) {
	f.Add([]byte(GenerateKey().Line()))
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := ParseKeyring(text)
		if err != nil {
			return
		}
		for _, id := range ring.IDs() {
			if !validKeyID(id) {
				t.Errorf("got key ID %q", id)
			}
		}
	})
}
