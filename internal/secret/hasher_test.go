package secret

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"idp/internal/idp"
)

func cheapHasher(t testing.TB) *Hasher {
	t.Helper()
	return newTestHasher(t, HasherConfig{Params: Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}})
}

func newTestHasher(t testing.TB, c HasherConfig) *Hasher {
	t.Helper()
	h, err := NewHasher(c)
	if err != nil {
		t.Fatalf("NewHasher: %v", err)
	}
	return h
}

func verify(t *testing.T, h *Hasher, scheme Scheme, stored, password string) Result {
	t.Helper()
	got, err := h.Verify(t.Context(), scheme, stored, password)
	if err != nil {
		t.Fatalf("verify %q: %v", scheme, err)
	}
	return got
}

func hashOf(t *testing.T, h *Hasher, password string) string {
	t.Helper()
	text, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Fatalf("hash: %v", err)
	}
	return text
}

func TestVerify_ForeignHashes(t *testing.T) { // FB-9, FB-4, FS-22
	t.Parallel()
	h := cheapHasher(t)
	for _, v := range append(requiredVectors(), madeElsewhere()...) {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if err := CheckImport(v.scheme, v.text); err != nil {
				t.Errorf("CheckImport: %v", err)
			}
			if got, want := verify(t, h, v.scheme, v.text, vectorPassword), (Result{OK: true, Rehash: true}); got != want {
				t.Errorf("right password: got %+v, want %+v", got, want)
			}
			for _, wrong := range []string{"correct horse battery stapl", "correct horse battery staplee", "Correct horse battery staple"} {
				if got := verify(t, h, v.scheme, v.text, wrong); got != (Result{}) {
					t.Errorf("%q: got %+v, want a refusal", wrong, got)
				}
			}
		})
	}
}

func TestVerify_TakesKnownVectorsOfOtherSystems(t *testing.T) {
	t.Parallel()
	h := cheapHasher(t)
	for name, c := range map[string]struct {
		scheme         Scheme
		text, password string
	}{
		"Firebase's own example": {
			SchemeFirebase,
			"$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
			"user1password",
		},
		"passlib's bcrypt_sha256 example": {
			SchemePasslib, "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2", "password",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := verify(t, h, c.scheme, c.text, c.password); !got.OK || !got.Rehash {
				t.Errorf("got %+v, want OK", got)
			}
			if got := verify(t, h, c.scheme, c.text, c.password[1:]); got != (Result{}) {
				t.Errorf("wrong password: got %+v, want a refusal", got)
			}
		})
	}
}

func TestHash_IsArgon2idInPHCForm(t *testing.T) { // FB-1
	t.Parallel()
	h := newTestHasher(t, HasherConfig{})
	text := hashOf(t, h, vectorPassword)
	if !strings.HasPrefix(text, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("got %q", text)
	}
	if got, want := verify(t, h, SchemeOwn, text, vectorPassword), (Result{OK: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if text == hashOf(t, h, vectorPassword) {
		t.Error("two hashes of one password are the same: no salt")
	}
}

func TestVerify_ChangedParametersAskForARehash(t *testing.T) { // FB-1, FB-8
	t.Parallel()
	weak := cheapHasher(t)
	strong := newTestHasher(t, HasherConfig{Params: Params{MemoryKiB: 128, Iterations: 1, Parallelism: 1}})
	blowfish := newTestHasher(t, HasherConfig{Algorithm: AlgorithmBcrypt, BcryptCost: 10})
	dearer := newTestHasher(t, HasherConfig{Algorithm: AlgorithmBcrypt, BcryptCost: 11})
	for _, c := range []struct {
		name     string
		from, to *Hasher
		want     bool
	}{
		{"same", weak, weak, false},
		{"raised", weak, strong, true},
		{"to bcrypt", weak, blowfish, true},
		{"bcrypt, same", blowfish, blowfish, false},
		{"bcrypt, raised", blowfish, dearer, true},
		{"from bcrypt", blowfish, weak, true},
	} {
		got := verify(t, c.to, SchemeOwn, hashOf(t, c.from, vectorPassword), vectorPassword)
		if !got.OK || got.Rehash != c.want {
			t.Errorf("%s: got %+v, want OK and Rehash %v", c.name, got, c.want)
		}
	}
}

func TestPassword_LongIsNotTruncated(t *testing.T) { // FB-3, FB-6
	t.Parallel()
	for name, h := range map[string]*Hasher{
		"argon2id": cheapHasher(t),
		"bcrypt":   newTestHasher(t, HasherConfig{Algorithm: AlgorithmBcrypt, BcryptCost: 10}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, length := range []int{73, 256} {
				password := strings.Repeat("A", length)
				text := hashOf(t, h, password)
				if got := verify(t, h, SchemeOwn, text, password); !got.OK {
					t.Errorf("%d letters: got %+v, want OK", length, got)
				}
				if got := verify(t, h, SchemeOwn, text, password[1:]); got.OK {
					t.Errorf("%d letters were cut: one fewer was accepted", length)
				}
				if length < 256 && verify(t, h, SchemeOwn, text, password+"A").OK {
					t.Errorf("%d letters: one more was accepted", length)
				}
			}
		})
	}
}

// Imported bcrypt reads 72 bytes because its origin did; schemes that digest first read everything.
func TestVerify_ForeignBcryptIsCutWhereItsOriginCut(t *testing.T) { // FB-6
	t.Parallel()
	h := cheapHasher(t)
	long := strings.Repeat("A", 80)
	prepared := map[Scheme]func(string) []byte{
		SchemeBcrypt:                       func(s string) []byte { return []byte(s)[:min(len(s), 72)] },
		SchemeBcryptSHA256Hex:              func(s string) []byte { return sha256Hex([]byte(s)) },
		SchemeFSBcrypt.WithSalt(flaskSalt): func(s string) []byte { return flaskSecurityInput([]byte(flaskSalt), []byte(s))[:72] },
	}
	for scheme, prepare := range prepared {
		for _, length := range []int{71, 72, 73} {
			text, err := bcrypt.GenerateFromPassword(prepare(long[:length]), 4)
			if err != nil {
				t.Fatal(err)
			}
			for typed := 70; typed <= 74; typed++ {
				want := typed == length || scheme == SchemeBcrypt && typed >= 72 && length >= 72
				if got := verify(t, h, scheme, string(text), long[:typed]); got.OK != want {
					t.Errorf("%s of %d letters, typed %d: got %v, want %v", scheme, length, typed, got.OK, want)
				}
			}
		}
	}
}

func TestVerify_RefusesControlCharactersBeforeAnyHash(t *testing.T) { // FB-5
	t.Parallel()
	h := cheapHasher(t)
	text, err := bcrypt.GenerateFromPassword([]byte("ab"), 4)
	if err != nil {
		t.Fatal(err)
	}
	if bcrypt.CompareHashAndPassword(text, []byte("ab\x00ab")) != nil {
		t.Log("x/crypto/bcrypt no longer accepts the doubled form")
	}
	for _, password := range []string{"ab\x00ab", "ab\x00", "tab\there", "line\n", "\x7f", "", "\xff\xfe", strings.Repeat("a", 10<<20), strings.Repeat("a", 257), strings.Repeat("😀", 257)} {
		for name, err := range map[string]error{
			"verify": second(h.Verify(t.Context(), SchemeBcrypt, string(text), password)),
			"hash":   second(h.Hash(t.Context(), password)),
			"nobody": h.VerifyNobody(t.Context(), password),
			"broken": second(h.Verify(t.Context(), SchemeBcrypt, "rubbish", password)),
		} {
			if idp.KindOf(err) != idp.Invalid {
				t.Errorf("%s of %.10q: got %v, want an Invalid error", name, password, err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestVerify_ReadsOneNormalForm(t *testing.T) { // FB-7, FS-26
	t.Parallel()
	const composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
	h := cheapHasher(t)
	for _, pair := range [][2]string{{composed, decomposed}, {decomposed, composed}} {
		if got := verify(t, h, SchemeOwn, hashOf(t, h, pair[0]), pair[1]); !got.OK {
			t.Errorf("set as %+q, typed as %+q: got %+v, want OK", pair[0], pair[1], got)
		}
	}
	// Imported hashes have no known form: as typed, composed and decomposed all open.
	for _, hashed := range []string{composed, decomposed} {
		plain, err := bcrypt.GenerateFromPassword([]byte(hashed), 4)
		if err != nil {
			t.Fatal(err)
		}
		flask, err := bcrypt.GenerateFromPassword(flaskSecurityInput([]byte(flaskSalt), []byte(hashed))[:72], 4)
		if err != nil {
			t.Fatal(err)
		}
		for _, typed := range []string{composed, decomposed} {
			for scheme, text := range map[Scheme][]byte{SchemeBcrypt: plain, SchemeImported: plain, SchemeOwn: plain, SchemeFSBcrypt.WithSalt(flaskSalt): flask} {
				if got := verify(t, h, scheme, string(text), typed); !got.OK {
					t.Errorf("%q: hash of %+q, typed as %+q: got %+v, want OK", scheme, hashed, typed, got)
				}
			}
		}
	}
}

func TestVerifyNobody_TakesTheWorkOfARealVerification(t *testing.T) { // FB-8
	t.Parallel()
	for _, c := range []HasherConfig{
		{Params: Params{MemoryKiB: 96, Iterations: 2, Parallelism: 1}},
		{Algorithm: AlgorithmBcrypt, BcryptCost: 11},
	} {
		h := newTestHasher(t, c)
		real, err := read(SchemeOwn, hashOf(t, h, vectorPassword))
		if err != nil {
			t.Fatal(err)
		}
		if real.cost != h.nobody.cost || real.share() != h.nobody.share() {
			t.Errorf("a real verification costs %q, nobody's %q", real.cost, h.nobody.cost)
		}
		if n, m := len(real.inputs("a\u0301", "\u00e1")), len(h.nobody.inputs("a\u0301", "\u00e1")); n != m {
			t.Errorf("a real verification hashes %d times, nobody's %d", n, m)
		}
		if err := h.VerifyNobody(t.Context(), vectorPassword); err != nil {
			t.Error(err)
		}
	}
}

func TestNewHasher_RefusesWeakOrImpossibleSettings(t *testing.T) { // FS-22
	t.Parallel()
	for name, c := range map[string]HasherConfig{
		"md5":            {Algorithm: "md5"},
		"no memory":      {Params: Params{MemoryKiB: 1, Iterations: 1, Parallelism: 1}},
		"no iterations":  {Params: Params{MemoryKiB: 64, Parallelism: 1}},
		"no lanes":       {Params: Params{MemoryKiB: 64, Iterations: 1}},
		"over budget":    {Params: Params{MemoryKiB: 2048, Iterations: 1, Parallelism: 1}, MemoryBudget: 1 << 20},
		"cheap bcrypt":   {Algorithm: AlgorithmBcrypt, BcryptCost: 9},
		"endless bcrypt": {Algorithm: AlgorithmBcrypt, BcryptCost: 31},
		"negative":       {Concurrency: -1},
	} {
		if _, err := NewHasher(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestVerify_DamagedHashIsAWrongPassword(t *testing.T) { // FB-2
	t.Parallel()
	h := cheapHasher(t)
	for _, v := range damagedHashes() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			got, err := h.Verify(t.Context(), v.scheme, v.text, vectorPassword)
			if err != nil || got != (Result{Damaged: true}) {
				t.Errorf("got %+v, %v, want only Damaged", got, err)
			}
			err = CheckImport(v.scheme, v.text)
			var e *idp.Error
			if !errors.As(err, &e) || e.Kind != idp.Invalid || e.Field != "password_hash" {
				t.Fatalf("CheckImport: got %v, want an Invalid error", err)
			}
			if len(v.text) > 20 && strings.Contains(err.Error(), v.text[len(v.text)-12:]) {
				t.Errorf("the reason shows the hash: %v", err)
			}
		})
	}
}

func damagedHashes() []vector {
	const argonTail = "$MDEyMzQ1Njc4OWFiY2RlZg$mYRINtGrp77CGYectCud1Q"
	bcryptTail := requiredVectors()[0].text[7:]
	cases := []vector{
		{"empty", "", ""},
		{"rubbish", "", "rubbish"},
		{"bytes, as Python prints them", "", "b'" + requiredVectors()[0].text + "'"},
		{"plain text", "imported", vectorPassword},
		{"huge", "", strings.Repeat("$", maxHashText+1)},
		{"unknown scheme", "rot13", requiredVectors()[0].text},
		{"scheme of another family", SchemeWerkzeug, requiredVectors()[0].text},
		{"argon2 memory", "", "$argon2id$v=19$m=262145,t=1,p=1" + argonTail},
		{"argon2 4 TiB", "", "$argon2id$v=19$m=4294967295,t=1,p=1" + argonTail},
		{"argon2 time", "", "$argon2id$v=19$m=64,t=11,p=1" + argonTail},
		{"argon2 lanes", "", "$argon2id$v=19$m=2048,t=1,p=17" + argonTail},
		{"argon2 no lanes", "", "$argon2id$v=19$m=2048,t=1,p=0" + argonTail},
		{"argon2 old version", "", "$argon2id$v=16$m=64,t=1,p=1" + argonTail},
		{"argon2d", "", "$argon2d$v=19$m=64,t=1,p=1" + argonTail},
		{"argon2 secret", "", "$argon2id$v=19$m=64,t=1,p=1,keyid=AA" + argonTail},
		{"argon2 cut", "", "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"},
		{"bcrypt cost", "", "$2b$17$" + bcryptTail},
		{"bcrypt cost 31", "", "$2b$31$" + bcryptTail},
		{"bcrypt cost 03", "", "$2b$03$" + bcryptTail},
		{"bcrypt sign-extension", "", "$2x$04$" + bcryptTail},
		{"bcrypt cut", "", requiredVectors()[0].text[:59]},
		{"bcrypt-sha256 version 1", "", "$bcrypt-sha256$2a,12$LrmaIX5x4TRtAwEfwJZa1.$2ehnw6LvuIUTM0iz4iz9hTxv21B6KFO"},
		{"bcrypt-sha256 cost", "", "$bcrypt-sha256$v=2,t=2b,r=20$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"},
		{"Django over 2x", SchemeDjango, "bcrypt$$2x$04$" + bcryptTail},
		{"pbkdf2 iterations", "", "$pbkdf2-sha256$2000001$m/M.x5hzLiXEWIuxFgLgHA$jBB/0TPLCULRC13WWuqEl03FVrr0kxAqKgU2pZadUBU"},
		{"pbkdf2 none", "", "$pbkdf2-sha256$0$m/M.x5hzLiXEWIuxFgLgHA$jBB/0TPLCULRC13WWuqEl03FVrr0kxAqKgU2pZadUBU"},
		{"pbkdf2 hash", "", "pbkdf2:md5:1000$salt$00112233445566778899aabbccddeeff"},
		{"Werkzeug without iterations", "", "pbkdf2:sha256$salt$97445e61c5036835bc96d69190194336a053a24e58b12a3b53d1c2e83c7f563b"},
		{"scrypt memory", "", "scrypt:4194304:8:1$salt$" + strings.Repeat("00", 64)},
		{"scrypt overflow", "", "scrypt:1073741824:2147483647:2147483647$salt$" + strings.Repeat("00", 64)},
		{"scrypt time", "", "scrypt:32768:8:255$salt$" + strings.Repeat("00", 64)},
		{"scrypt no power of two", "", "scrypt:1000:8:1$salt$" + strings.Repeat("00", 64)},
		{"scrypt ln", "", "$scrypt$ln=62,r=8,p=1$gTAmRAghRMg55/x/L+Wckw$Eqfw8S7kziwF+Ky8MclY8JNzuxjfOe/Yj5ac0uIbJZI"},
		{"sha-crypt rounds", "", "$5$rounds=999999999$UuSzSgarOyy3TbwB$cVNux6AhXUX9xD4uhfEKL/KsMrCe1h55dTjaUPi2x03"},
		{"sha-crypt cut", "", "$6$Y65QTq1MXhwd0ZZ1$j07DZjY.1.u8IGTvjsdPWpuBUFLB"},
		{"yescrypt memory", "", "$y$jFT$LdJMENpBABJJ3hIHjB1Bi.$qYexDEDfF3m8o.Wvs2FJ6Fnm2ifFSy7DjwT1tvliZsD"},
		{"yescrypt flavour", "", "$y$k75$LdJMENpBABJJ3hIHjB1Bi.$qYexDEDfF3m8o.Wvs2FJ6Fnm2ifFSy7DjwT1tvliZsD"},
		{"LDAP MD5", "", "{SMD5}4QWGWZpj9GCmfuqEvm8HtZhZS6E="},
		{"LDAP without salt", "", "{SSHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="},
		{"LDAP DES", "", "{CRYPT}rqXexS6ZhobKA"},
		{"LDAP unclosed", "", "{SSHA"},
		{"salt missing", SchemeFSBcrypt, requiredVectors()[2].text},
		{"salt empty", SchemeFSBcrypt + ":", requiredVectors()[2].text},
		{"salt where none belongs", SchemeBcrypt.WithSalt("x"), requiredVectors()[0].text},
		{"own with a salt", SchemeOwn.WithSalt("x"), requiredVectors()[0].text},
		{"line end", "", requiredVectors()[0].text + "\n"},
	}
	for _, v := range madeElsewhere() { // every kind, cut in the middle
		cases = append(cases, vector{v.name + ", cut", v.scheme, v.text[:len(v.text)/3]})
	}
	return cases
}

func FuzzVerifyForeignHash(f *testing.F) {
	for _, v := range append(append(requiredVectors(), madeElsewhere()...), damagedHashes()...) {
		if len(v.text) <= maxHashText {
			f.Add(string(v.scheme), v.text, vectorPassword)
		}
	}
	// Five-digit numbers of rounds, and bcrypt costs over 5.
	dear := regexp.MustCompile(`[1-9]\d{4,}|(\$|r=)(0?[6-9]|1\d)\$`)
	f.Fuzz(func(t *testing.T, scheme, text, password string) {
		r, err := read(Scheme(scheme), text)
		if err != nil {
			if idp.KindOf(err) != idp.Invalid {
				t.Errorf("got %v, want an Invalid error", err)
			}
			return
		}
		if r.memory > 300<<20 || r.lanes > 16 || r.memory <= 0 || r.lanes <= 0 {
			t.Errorf("the hash may take %d bytes and %d lanes", r.memory, r.lanes)
		}
		if r.memory > 1<<20 || dear.MatchString(text) {
			return // within the caps, but too slow for fuzzing
		}
		if _, err := NormalizePassword(password); err != nil {
			return
		}
		for _, input := range r.inputs(password, password) {
			r.match(input)
		}
	})
}
