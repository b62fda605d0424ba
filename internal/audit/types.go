package audit

// Type names a kind of event: a noun and what happened to it.
type Type string

// The types of event.
const (
	LoginOK        Type = "login.ok"
	LoginFailed    Type = "login.failed"
	LoginThrottled Type = "login.throttled"
	StepUpOK       Type = "stepup.ok" // somebody who was signed in proved it again

	SessionRestored Type = "session.restored" // by the remember cookie
	SessionEnded    Type = "session.ended"    // by its owner
	SessionKilled   Type = "session.killed"   // by somebody or something else

	LogoutDelivered Type = "logout.delivered" // an application took the news that a session ended
	LogoutFailed    Type = "logout.failed"    // it did not, however often it was told

	ConsentAllowed Type = "consent.allowed"
	ConsentDenied  Type = "consent.denied"
	GrantRevoked   Type = "grant.revoked"
	CodeReuse      Type = "code.reuse"
	RefreshReuse   Type = "refresh.reuse"

	DeviceApproved Type = "device.approved" // a person allowed another device what it asked for (RFC 8628)
	DeviceDenied   Type = "device.denied"

	BackchannelApproved Type = "backchannel.approved" // a person said yes to what a client asked behind the scenes (CIBA)
	BackchannelDenied   Type = "backchannel.denied"

	AssertionAccepted Type = "assertion.accepted" // a client got a token for a person by somebody else's word (RFC 7523)
	AssertionReuse    Type = "assertion.reuse"

	UserCreated    Type = "user.created"
	UserNotCreated Type = "user.not_created" // somebody wanted an account of their own under a name that is this user's
	UserUpdated    Type = "user.updated"
	UserEnabled    Type = "user.enabled"
	UserDisabled   Type = "user.disabled"
	UserDeleted    Type = "user.deleted"
	UserImported   Type = "user.imported"

	PasswordChanged  Type = "password.changed"
	PasswordRehashed Type = "password.rehashed"

	IdentityLinked   Type = "identity.linked"
	IdentityUnlinked Type = "identity.unlinked"
	IdentityRefused  Type = "identity.refused"

	ClientCreated       Type = "client.created"
	ClientUpdated       Type = "client.updated"
	ClientDeleted       Type = "client.deleted"
	ClientSecretRotated Type = "client.secret_rotated"

	ClientRegistered         Type = "client.registered" // by itself
	ClientApproved           Type = "client.approved"   // that registered itself
	ClientDenied             Type = "client.denied"
	ClientSwept              Type = "client.swept" // that registered itself, and nobody used
	RegistrationTokenCreated Type = "registration.token_created"
	RegistrationTokenRevoked Type = "registration.token_revoked"

	AuthorizationTypeApplied Type = "detailtype.applied"
	AuthorizationTypeDeleted Type = "detailtype.deleted"

	ResourceCreated Type = "resource.created"
	ResourceUpdated Type = "resource.updated"
	ResourceDeleted Type = "resource.deleted"

	ProviderCreated Type = "provider.created"
	ProviderUpdated Type = "provider.updated"
	ProviderDeleted Type = "provider.deleted"

	KeyRotated Type = "key.rotated"
	KeyRetired Type = "key.retired"

	AdminBootstrapped Type = "admin.bootstrapped"
	AdminRecovered    Type = "admin.recovered"
)

// Types lists the types of event.
func Types() []Type {
	return []Type{
		LoginOK, LoginFailed, LoginThrottled, StepUpOK,
		SessionRestored, SessionEnded, SessionKilled,
		LogoutDelivered, LogoutFailed,
		ConsentAllowed, ConsentDenied, GrantRevoked, CodeReuse, RefreshReuse,
		DeviceApproved, DeviceDenied,
		BackchannelApproved, BackchannelDenied,
		AssertionAccepted, AssertionReuse,
		UserCreated, UserNotCreated, UserUpdated, UserEnabled, UserDisabled, UserDeleted, UserImported,
		PasswordChanged, PasswordRehashed,
		IdentityLinked, IdentityUnlinked, IdentityRefused,
		ClientCreated, ClientUpdated, ClientDeleted, ClientSecretRotated,
		ClientRegistered, ClientApproved, ClientDenied, ClientSwept, RegistrationTokenCreated, RegistrationTokenRevoked,
		AuthorizationTypeApplied, AuthorizationTypeDeleted,
		ResourceCreated, ResourceUpdated, ResourceDeleted,
		ProviderCreated, ProviderUpdated, ProviderDeleted,
		KeyRotated, KeyRetired,
		AdminBootstrapped, AdminRecovered,
	}
}

// The kinds of actor.
const (
	ActorUser     = "user"
	ActorClient   = "client"
	ActorOperator = "operator"
	ActorSystem   = "system"
)
