package walk

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Elements returns the elements of a kind, in their order; of no document none.
func Elements(doc *html.Node, tag string) []*html.Node {
	return find(doc, func(n *html.Node) bool { return n.Data == tag })
}

// Element returns the element with an id, or nil.
func Element(doc *html.Node, id string) *html.Node {
	if found := find(doc, func(n *html.Node) bool { return Attribute(n, "id") == id }); len(found) > 0 {
		return found[0]
	}
	return nil
}

func find(doc *html.Node, wanted func(*html.Node) bool) (found []*html.Node) {
	if doc == nil {
		return nil
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && wanted(n) {
			found = append(found, n)
		}
	}
	return found
}

// Attribute returns an element's attribute, "" if it has none of that name.
func Attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// Text returns what an element says, without the space around it; of no element nothing.
func Text(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// Refresh returns where a page goes on by itself, "" if it stays.
func Refresh(doc *html.Node) string {
	for _, n := range Elements(doc, "meta") {
		if strings.EqualFold(Attribute(n, "http-equiv"), "refresh") {
			if _, to, ok := strings.Cut(Attribute(n, "content"), "url="); ok {
				return to
			}
		}
	}
	return ""
}

// Form returns the form around a button, and what a browser sends when it is pressed: the button's own value, and the fields as they stand, boxes that
// are not ticked left out. It is nil for a button in no form.
func Form(button *html.Node) (form *html.Node, fields url.Values) {
	for form = button; form != nil && form.Data != "form"; {
		form = form.Parent
	}
	if form == nil {
		return nil, nil
	}
	fields = url.Values{}
	for _, input := range Elements(form, "input") {
		ticked := slices.ContainsFunc(input.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
		if name := Attribute(input, "name"); name != "" && (Attribute(input, "type") != "checkbox" || ticked) {
			fields.Set(name, Attribute(input, "value"))
		}
	}
	if name := Attribute(button, "name"); name != "" {
		fields.Set(name, Attribute(button, "value"))
	}
	return form, fields
}
