package idp

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// DistinguishedName is the subject of a certificate: its relative names in the order of the certificate, each with its attributes sorted, as
// "oid=value".
type DistinguishedName [][]string

var errDN = errors.New("it is no distinguished name as RFC 4514 writes one")

// attributeTypes are the short names of RFC 4514 §3 and those that certificates of applications use beside them.
var attributeTypes = map[string]string{
	"CN": "2.5.4.3", "L": "2.5.4.7", "ST": "2.5.4.8", "O": "2.5.4.10", "OU": "2.5.4.11", "C": "2.5.4.6", "STREET": "2.5.4.9",
	"DC": "0.9.2342.19200300.100.1.25", "UID": "0.9.2342.19200300.100.1.1",
	"SERIALNUMBER": "2.5.4.5", "POSTALCODE": "2.5.4.17", "BUSINESSCATEGORY": "2.5.4.15", "ORGANIZATIONIDENTIFIER": "2.5.4.97",
	"JURISDICTIONCOUNTRYNAME": "1.3.6.1.4.1.311.60.2.1.3", "JURISDICTIONC": "1.3.6.1.4.1.311.60.2.1.3", "EMAILADDRESS": "1.2.840.113549.1.9.1", "E": "1.2.840.113549.1.9.1",
}

// ParseDistinguishedName reads what RFC 4514 §3 describes: the last relative name comes first.
func ParseDistinguishedName(s string) (DistinguishedName, error) {
	if s == "" || len(s) > maxSubject || !utf8.ValidString(s) {
		return nil, errDN
	}
	var dn DistinguishedName
	var rdn []string
	for rest := s; ; {
		name, value, found := strings.Cut(rest, "=")
		oid := attributeType(strings.TrimSpace(name))
		if !found || oid == "" {
			return nil, errDN
		}
		text, end, err := attributeValue(value)
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, oid+"="+text)
		separator := byte(',')
		if end < len(value) {
			separator = value[end]
		}
		if separator != '+' {
			slices.Sort(rdn)
			dn, rdn = append(dn, rdn), nil
		}
		if end == len(value) {
			slices.Reverse(dn) // RFC 4514 §2.1
			return dn, nil
		}
		rest = value[end+1:]
	}
}

// attributeType returns the dotted form of an attribute's name, or "".
func attributeType(name string) string {
	if oid, known := attributeTypes[strings.ToUpper(name)]; known {
		return oid
	}
	name = strings.TrimPrefix(strings.ToUpper(name), "OID.")
	if name == "" || strings.Contains(name, "..") || name[0] == '.' || name[len(name)-1] == '.' || !strings.Contains(name, ".") || strings.Trim(name, "0123456789.") != "" {
		return ""
	}
	return name
}

// attributeValue reads a value up to an unescaped comma or plus, whose place it returns (RFC 4514 §3).
func attributeValue(s string) (text string, end int, err error) {
	s2 := strings.TrimLeft(s, " ")
	start := len(s) - len(s2)
	if strings.HasPrefix(s2, "#") {
		end = len(s)
		if i := strings.IndexAny(s, ",+"); i >= 0 {
			end = i
		}
		der, err := hex.DecodeString(strings.TrimSpace(s[start+1 : end]))
		if err != nil {
			return "", 0, errDN
		}
		var value asn1.RawValue
		if rest, err := asn1.Unmarshal(der, &value); err != nil || len(rest) > 0 {
			return "", 0, errDN
		}
		text, ok := stringOf(value)
		if !ok {
			return "", 0, errDN
		}
		return text, end, nil
	}
	var b strings.Builder
	kept := 0 // bytes up to the last one that is no trailing space
	for end = start; end < len(s); end++ {
		switch c := s[end]; {
		case c == ',' || c == '+':
			return b.String()[:kept], end, nil
		case c == '"' || c == ';' || c == '<' || c == '>' || c == 0:
			return "", 0, errDN
		case c != '\\':
			b.WriteByte(c)
			if c != ' ' {
				kept = b.Len()
			}
		case end+1 < len(s) && strings.IndexByte(`"+,;<>\ #=`, s[end+1]) >= 0:
			end++
			b.WriteByte(s[end])
			kept = b.Len()
		default:
			if end+2 >= len(s) {
				return "", 0, errDN
			}
			pair, err := hex.DecodeString(s[end+1 : end+3])
			if err != nil {
				return "", 0, errDN
			}
			end += 2
			b.Write(pair)
			kept = b.Len()
		}
	}
	return b.String()[:kept], end, nil
}

// SubjectOf reads the subject of a certificate, in DER.
func SubjectOf(raw []byte) (DistinguishedName, error) {
	var names []asn1.RawValue // each a SET of type and value
	if rest, err := asn1.Unmarshal(raw, &names); err != nil || len(rest) > 0 {
		return nil, errDN
	}
	var dn DistinguishedName
	for _, name := range names {
		if name.Class != asn1.ClassUniversal || name.Tag != asn1.TagSet {
			return nil, errDN
		}
		var rdn []string
		for rest := name.Bytes; len(rest) > 0; {
			var attribute struct {
				Type  asn1.ObjectIdentifier
				Value asn1.RawValue
			}
			var err error
			if rest, err = asn1.Unmarshal(rest, &attribute); err != nil {
				return nil, errDN
			}
			text, ok := stringOf(attribute.Value)
			if !ok {
				return nil, errDN
			}
			rdn = append(rdn, attribute.Type.String()+"="+text)
		}
		slices.Sort(rdn)
		dn = append(dn, rdn)
	}
	return dn, nil
}

// stringOf returns the text of a string in ASN.1; what is no text is no name that anybody registers.
func stringOf(v asn1.RawValue) (string, bool) {
	if v.Class != asn1.ClassUniversal {
		return "", false
	}
	switch v.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString, asn1.TagT61String:
		return string(v.Bytes), utf8.Valid(v.Bytes)
	case asn1.TagBMPString:
		var s string
		if _, err := asn1.Unmarshal(v.FullBytes, &s); err != nil {
			return "", false
		}
		return s, true
	}
	return "", false
}

// Equal reports whether two names are the same, to the letter of their values.
func (d DistinguishedName) Equal(other DistinguishedName) bool {
	return len(d) > 0 && slices.EqualFunc(d, other, slices.Equal[[]string])
}
