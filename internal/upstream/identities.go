package upstream

import "idp/internal/idp"

// CheckIdentities refuses a row that would give one name to two people. An identity is issuer and subject, whichever provider it comes by, so providers that
// share an issuer must read their subjects at the same place; and links that were made by one member must not be met by another: somebody who takes
// "4711" for a login name would be the account with that number. rows are those there are, p's own former one among them. What may stand beside what is decided by
// the store where a row is written (store.CreateProvider): this has the words for it.
func CheckIdentities(p *idp.Provider, rows []*idp.Provider) error {
	for _, row := range rows {
		switch was, is := row.Claims.Subject, p.Claims.Subject; {
		case row.Issuer != p.Issuer:
		case row.ID == p.ID && was != "" && is != "" && was != is:
			return idp.Invalidf("claims.subject", "People are linked by %s of this issuer already, and somebody's %s may be another's %s. Change the issuer too: then everybody is new.", was, is, was)
		case row.ID != p.ID && row.SubjectsFrom() != p.SubjectsFrom():
			return idp.Invalidf("issuer", "The provider %s has the issuer %s too and reads its subjects elsewhere, so two people could be one. Give this one an issuer of its own, below the same host: %s/%s.", row.ID, p.Issuer, p.Issuer, p.ID)
		}
	}
	return nil
}
