package ui

import (
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Approvals is the page of requests that applications have sent behind the scenes and that wait for this person (CIBA).
type Approvals struct {
	Form
	Account  Account
	UserID   string // of the account; comes back with an answer, which counts for nobody else
	Requests []Approval
	Notice   Message // what became of the last answer
}

// PageName names the template.
func (Approvals) PageName() string { return "approvals" }

// Approval is one request.
type Approval struct {
	ID      string
	Client  *Client
	Message string // that the client shows elsewhere too; empty for none
	Scopes  []Scope
	// As on DeviceConfirm.
	Resources    []string
	Details      []Detail
	DetailDigest string
	Address      string // where the client asked from
	Agent        string
	Age          time.Duration
}

// Asked names what the request asks for; it comes back with the answer, which counts for nothing else.
func (a Approval) Asked() string { return Consent{Scopes: a.Scopes}.Asked() }

func approvalsFixtures() []Fixture {
	none := Approvals{Form: Form{CSRF: sampleCSRF}, Account: *sampleAccount(), UserID: "0198c5c2"}
	one := none
	one.Requests = []Approval{{
		ID: "0698c5c2a7b07d1f", Client: &Client{Name: "Example Bank"}, Message: "Transfer W4SC to Ada", Address: "192.0.2.10", Agent: "ExampleBank/2",
		Scopes: []Scope{{Name: "openid"}, {Name: "payments"}}, Age: 20 * time.Second,
	}}
	two := one
	two.Notice = Say(MsgApprovalDenied)
	two.Requests = append(two.Requests[:1:1], Approval{
		ID: "0698c5c2a7b07d2g", Client: hostile(), Message: "</strong><script>alert(1)</script>" + strings.Repeat("x", 60), Scopes: []Scope{{Name: "openid"}}, Age: 3 * time.Minute,
	})
	paying := one
	paying.Requests = []Approval{one.Requests[0]}
	paying.Requests[0].Resources, paying.Requests[0].DetailDigest = []string{"https://api.example.com/payments"}, "6b86b273ff34"
	paying.Requests[0].Details = []Detail{{Title: "Start a payment", Fields: []DetailField{{"amount › value", "123.50"}, {"to", "Merchant <b>A</b>"}}}}
	return []Fixture{
		show("approvals", one),
		show("approvals/details", paying),
		in(language.German, show("approvals", one)),
		in(language.French, show("approvals", one)),
		in(language.Spanish, show("approvals", one)),
		show("approvals/none", none),
		show("approvals/several", two),
	}
}
