package account_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/store"
)

func bcryptOf(t testing.TB, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (w *world) importText(t testing.TB, text string, o account.ImportOptions) account.Report {
	t.Helper()
	r, err := w.accounts.Import(t.Context(), strings.NewReader(text), o)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	return r
}

func wantCounts(t testing.TB, name string, r account.Report, rows, created, skipped, failed int) {
	t.Helper()
	if r.Rows != rows || r.Created != created || r.Skipped != skipped || r.Failed != failed {
		t.Errorf("%s: got %d rows, %d created, %d skipped, %d failed, want %d, %d, %d, %d: %+v",
			name, r.Rows, r.Created, r.Skipped, r.Failed, rows, created, skipped, failed, r.Errors)
	}
}

func TestImport_BothFormatsMeanTheSame(t *testing.T) { // FB-9
	t.Parallel()
	hash := bcryptOf(t, goodPassword)
	ndjson := `{"email":"A@Ex.example","email_verified":true,"username":"alice","password_hash":"` + hash + `","password_scheme":"bcrypt",` +
		`"roles":["ops","dev"],"state":"active","given_name":"Alice","birthdate":"1990-12-31","address":{"country":"Germany"},"custom":{"plant":"north"}}

{"username":"bob","name":"Bob"}
`
	csv := "\ufeffE-Mail,email_verified,username,hash,password_scheme,roles,state,given_name,birthdate,address.country,custom.plant,name,junk\r\n" +
		"A@Ex.example,yes,alice," + hash + ",bcrypt,\"ops, dev\",active,Alice,1990-12-31,Germany,north,,x\r\n" +
		",,bob,,,,,,,,,Bob,y\r\n"
	var got [2][]idp.User
	for i, text := range []string{ndjson, csv} {
		w := newWorld(t)
		o := account.ImportOptions{Columns: map[string]string{"E-Mail": "email", "hash": "password_hash", "junk": "-"}}
		wantCounts(t, fmt.Sprint(i), w.importText(t, text, o), 2, 2, 0, 0)
		if !w.passwordWorks(t, "a@ex.example", goodPassword) {
			t.Error("the imported password does not work")
		}
		for _, u := range w.users(t) {
			if want := []string{string(audit.UserImported)}; !slices.Equal(w.events(t, u.ID)[:1], want) {
				t.Errorf("got events %v, want %v first", w.events(t, u.ID), want)
			}
			u.ID, u.CreatedAt, u.UpdatedAt = "", u.CreatedAt.Truncate(0), u.UpdatedAt.Truncate(0)
			plain := *u
			plain.CreatedAt, plain.UpdatedAt = idp.User{}.CreatedAt, idp.User{}.UpdatedAt
			got[i] = append(got[i], plain)
		}
	}
	if !reflect.DeepEqual(got[0], got[1]) {
		t.Errorf("NDJSON made\n%+v\nCSV made\n%+v", got[0], got[1])
	}
	if a := got[0][0]; a.Email != "a@ex.example" || !a.EmailVerified || !slices.Equal(a.Roles, []string{"dev", "ops"}) || a.Profile.Address.Country != "Germany" || a.Profile.Custom["plant"] != "north" {
		t.Errorf("got %+v", a)
	}
}

func TestImport_GoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var text strings.Builder
	hash := bcryptOf(t, goodPassword)
	for i := range 120 {
		fmt.Fprintf(&text, `{"email":"u%d@ex.example","password_hash":%q,"password_scheme":"bcrypt"}`+"\n", i, hash)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first, err := w.accounts.Import(ctx, strings.NewReader(text.String()), account.ImportOptions{Progress: func(r account.Report) {
		if r.Rows == 57 {
			cancel()
		}
	}})
	if err == nil || first.Created != 100 {
		t.Fatalf("got %+v, %v, want it cut off after the fifty that were being written together", first, err)
	}
	// Somebody signed in meanwhile, which replaced the imported hash: that is no difference.
	if !w.passwordWorks(t, "u3@ex.example", goodPassword) {
		t.Fatal("the imported password does not work")
	}
	wantCounts(t, "second", w.importText(t, text.String(), account.ImportOptions{}), 120, 20, 100, 0)
	wantCounts(t, "third", w.importText(t, text.String(), account.ImportOptions{}), 120, 0, 120, 0)
	if got := len(w.users(t)); got != 120 {
		t.Errorf("got %d users, want 120", got)
	}
}

// One row that is refused is no reason to leave out those that would have been written with it, also if the database finds it out.
func TestImport_OneBadRowAmongManyIsLeftOutAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var text strings.Builder
	for i := range 70 {
		fmt.Fprintf(&text, `{"email":"u%d@ex.example"}`+"\n", i)
		if i == 5 {
			fmt.Fprintln(&text, `{"email":"u4@ex.example","name":"Another"}`) // no row of the database yet
		}
	}
	report := w.importText(t, text.String(), account.ImportOptions{})
	wantCounts(t, "import", report, 71, 70, 0, 1)
	if len(report.Errors) != 1 || report.Errors[0].Line != 7 {
		t.Errorf("got %+v, want line 7 alone", report.Errors)
	}
}

func TestImport_FaultsNameTheirLineAndShowNoHash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.create(t, account.NewUser{Email: "there@ex.example", Profile: idp.Profile{Name: "There"}})
	const cut = "$2b$12$cut-off-secret"
	text := strings.Join([]string{
		`{"email":"fine@ex.example"}`,
		`{"email":"no address","birthdate":"yesterday"}`,
		``,
		`{"email":"x@ex.example","passwort_hash":"` + cut + `"}`,
		`{"email":"y@ex.example","password_hash":"` + cut + `"}`,
		`{"email":"z@ex.example","email_verified":"yes"}`,
		`{"email":"there@ex.example","name":"Other"}`,
		`{"email":"plain@ex.example","password":"` + goodPassword + `"}`,
		`{"email":"cut`,
		`{"email":"one@ex.example"} {"email":"two@ex.example"}`,
		`{"email":"fine@ex.example","name":"Somebody else"}`,
		`{"name":"nobody"}`,
		`["email"]`,
	}, "\n")
	r := w.importText(t, text, account.ImportOptions{Scheme: "bcrypt"})
	wantCounts(t, "faulty", r, 12, 1, 0, 11)
	var got []string
	for _, e := range r.Errors {
		got = append(got, fmt.Sprintf("%d %s", e.Line, e.Field))
		if strings.Contains(e.Message, "cut-off-secret") || strings.Contains(e.Message, goodPassword) {
			t.Errorf("line %d shows a hash or a password: %s", e.Line, e.Message)
		}
	}
	want := []string{
		"2 email", "2 birthdate", "4 passwort_hash", "5 password_hash", "6 email_verified", "7 profile", "8 password", "9 ", "10 ", "11 profile", "12 email", "13 ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got faults\n%q, want\n%q", got, want)
	}
	if after := w.user(t, u.ID); after.Profile.Name != "There" {
		t.Errorf("a user who was there was changed: %+v", after)
	}
}

func TestImport_CSVFaultsNameTheirLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.importText(t, "email,email_verified\nfine@ex.example,1\n\"two\nlines@ex.example\",1\nshort@ex.example\nq\"uote@ex.example,1\nx@ex.example,perhaps\nlast@ex.example,0\n", account.ImportOptions{})
	wantCounts(t, "csv", r, 6, 2, 0, 4)
	var lines []int
	for _, e := range r.Errors {
		lines = append(lines, e.Line)
	}
	if !slices.Equal(lines, []int{3, 5, 6, 7}) {
		t.Errorf("got faults in lines %v, want 3, 5, 6, 7: %+v", lines, r.Errors)
	}
	for name, text := range map[string]string{
		"unknown column":   "email,mail2\na@ex.example,x\n",
		"same column":      "email,email\na@ex.example,b@ex.example\n",
		"no header at all": "a\"b,c\n",
	} {
		if _, err := w.accounts.Import(t.Context(), strings.NewReader(text), account.ImportOptions{Format: account.FormatCSV}); idp.KindOf(err) != idp.Invalid {
			t.Errorf("%s: got %v, want it refused before any row", name, err)
		}
	}
}

func TestImport_DryRunWritesNothingAndFindsTheSameFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(t, account.NewUser{Email: "there@ex.example"})
	text := `{"email":"new@ex.example","username":"new"}
{"email":"there@ex.example"}
{"email":"other@ex.example","username":"NEW"}
{"email":"bad"}
`
	r := w.importText(t, text, account.ImportOptions{DryRun: true})
	wantCounts(t, "dry", r, 4, 1, 1, 2)
	if !r.DryRun || len(w.users(t)) != 1 {
		t.Errorf("a dry run wrote %d users", len(w.users(t))-1)
	}
	wet := w.importText(t, text, account.ImportOptions{})
	wantCounts(t, "wet", wet, 4, 1, 1, 2)
	for i := range r.Errors {
		if r.Errors[i].Line != wet.Errors[i].Line {
			t.Errorf("dry run: %+v, the import itself: %+v", r.Errors, wet.Errors)
		}
	}
}

func TestImport_RefusesWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		text string
		o    account.ImportOptions
	}{
		"a JSON list":         {text: `[{"email":"a@ex.example"}]`},
		"an unknown format":   {text: "x", o: account.ImportOptions{Format: "xml"}},
		"an unknown scheme":   {text: "{}", o: account.ImportOptions{Scheme: "md5"}},
		"a scheme of no salt": {text: "{}", o: account.ImportOptions{Scheme: "fs-hmac-bcrypt"}},
		"a wrong mapping":     {text: "{}", o: account.ImportOptions{Columns: map[string]string{"a": "emial"}}},
	} {
		if _, err := w.accounts.Import(t.Context(), strings.NewReader(c.text), c.o); idp.KindOf(err) != idp.Invalid {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	if _, err := w.accounts.Import(t.Context(), strings.NewReader(`{"name":"`+strings.Repeat("x", 2<<20)+`"}`), account.ImportOptions{}); err == nil {
		t.Error("a line of two megabytes was read")
	}
	wantCounts(t, "empty", w.importText(t, " \n\n", account.ImportOptions{}), 0, 0, 0, 0)
	wantCounts(t, "header alone", w.importText(t, "email\n", account.ImportOptions{}), 0, 0, 0, 0)
}

func TestImport_EverySchemeOfFB9SignsIn(t *testing.T) { // FB-9, FB-4
	t.Parallel()
	w := newWorld(t)
	fs := "fs-hmac-bcrypt:" + "MTQ2NTg1MTQ1MzY4MTMyNzA1Nzg5NTYzNTQ"
	r := w.importText(t, `{"username":"plain","password_scheme":"bcrypt","password_hash":"`+bcryptOf(t, goodPassword)+`"}
{"username":"long","password_scheme":"bcrypt-sha256hex","password_hash":"`+bcryptOf(t, "c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a")+`"}
{"username":"noscheme","password_hash":"`+bcryptOf(t, goodPassword)+`"}
{"username":"misfit","password_scheme":"werkzeug","password_hash":"`+bcryptOf(t, goodPassword)+`"}
{"username":"salted","password_scheme":"`+fs+`","password_hash":"`+bcryptOf(t, goodPassword)+`"}
`, account.ImportOptions{})
	wantCounts(t, "schemes", r, 5, 4, 0, 1)
	for name, password := range map[string]string{"plain": goodPassword, "long": goodPassword, "noscheme": goodPassword} {
		if !w.passwordWorks(t, name, password) {
			t.Errorf("%s: the imported password does not work", name)
		}
		if w.passwordWorks(t, name, password[:len(password)-1]) {
			t.Errorf("%s: the password without its last letter works", name)
		}
	}
	if w.passwordWorks(t, "salted", goodPassword) {
		t.Error("salted: the password works without its HMAC, so the scheme was lost")
	}
	events, err := w.store.AuditEvents(t.Context(), "", store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprintf("%+v", events), "MTQ2NTg1") {
		t.Error("the site's salt is in the audit log")
	}
}
