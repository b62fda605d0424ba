package ui

import (
	"time"

	"golang.org/x/text/language"
)

// DeviceCode is the page on which people type the code that another device shows (RFC 8628 §3.3).
type DeviceCode struct {
	Form
	Code       string // as it came with the address, or as typed before
	Given      bool   // it came with the address: the person compares it and does not type
	Problems   Problems
	RetryAfter time.Duration
}

// PageName names the template.
func (DeviceCode) PageName() string { return "device" }

func (d DeviceCode) faulty() bool { return len(d.Problems) > 0 || d.RetryAfter > 0 }

func (d DeviceCode) problems() Problems { return d.Problems }

// DeviceConfirm is the page that asks whether another device may have what it asks for. It says what a person needs to notice that
// somebody else began this (RFC 10027 §6.1.14).
type DeviceConfirm struct {
	Form
	Client  *Client
	Account Account
	UserID  string // of the account; comes back with the answer, which counts for nobody else
	Scopes  []Scope
	// What it asks for beyond scopes: where the tokens are for, and authorization details (RFC 9396), which the digest names.
	Resources    []string
	Details      []Detail
	DetailDigest string
	Code         string        // as the device shows it
	Address      string        // where the device asked from
	Agent        string        // what the device says it is
	Age          time.Duration // since it asked
	Unproven     bool          // any program could be this client
}

// PageName names the template.
func (DeviceConfirm) PageName() string { return "device_confirm" }

// Asked names what the page asks for; it comes back with the answer, which counts for nothing else.
func (d DeviceConfirm) Asked() string { return Consent{Scopes: d.Scopes}.Asked() }

// DeviceDone is the page after the answer: the rest happens on the other device.
type DeviceDone struct {
	Client  *Client
	Allowed bool
}

// PageName names the template.
func (DeviceDone) PageName() string { return "device_done" }

func deviceFixtures() []Fixture {
	given := DeviceCode{Form: Form{CSRF: sampleCSRF}, Code: "BCDF-GHJK", Given: true}
	wrong := DeviceCode{Form: Form{CSRF: sampleCSRF}, Code: "BCDF-GHJX", Problems: Problems{{"user_code", Say(MsgWrongUserCode)}}}
	slow := DeviceCode{Form: Form{CSRF: sampleCSRF}, Code: "BCDF-GHJX", RetryAfter: 16 * time.Second}
	plain := DeviceConfirm{
		Form: sampleForm(), Client: &Client{Name: "Field Notes TV"}, Account: *sampleAccount(), UserID: "0198c5c2", Code: "BCDF-GHJK", Unproven: true,
		Scopes:  []Scope{{Name: "openid"}, {Name: "profile"}, {Name: "offline_access"}},
		Address: "192.0.2.44", Agent: "FieldNotes/3.1 (SmartTV; Linux)", Age: 40 * time.Second,
	}
	bad := plain
	bad.Client, bad.Address, bad.Agent, bad.Age = hostile(), "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", `Mozilla/5.0 </dd><script>alert(1)</script>`+"\u202e", 9*time.Minute
	paying := plain
	paying.Resources, paying.DetailDigest = []string{"https://api.example.com/payments", "urn:example:files"}, "6b86b273ff34"
	paying.Details = []Detail{{Title: "Start a payment", Fields: []DetailField{{"amount › currency", "EUR"}, {"amount › value", "123.50"}, {"to", "Merchant <b>A</b>"}}}}
	silent := plain
	silent.Address, silent.Agent, silent.Unproven = "", "", false
	return []Fixture{
		show("device", DeviceCode{Form: Form{CSRF: sampleCSRF}}),
		show("device/given", given),
		in(language.German, show("device/given", given)),
		show("device/wrong", wrong),
		show("device/throttled", slow),
		show("device-confirm", plain),
		in(language.German, show("device-confirm", plain)),
		in(language.French, show("device-confirm", plain)),
		in(language.Spanish, show("device-confirm", plain)),
		in(language.Arabic, show("device-confirm", plain)),
		show("device-confirm/hostile", bad),
		show("device-confirm/silent", silent),
		show("device-confirm/details", paying),
		show("device-done", DeviceDone{Client: &Client{Name: "Field Notes TV"}, Allowed: true}),
		show("device-done/denied", DeviceDone{Client: &Client{Name: "Field Notes TV"}}),
	}
}
