package api

import (
	"context"
	"net/http"

	"idp/internal/client"
	"idp/internal/secret"
)

func (s *server) clientFiles() {
	add(s, operation{id: "apply-clients", method: http.MethodPost, path: "/clients/apply", summary: "Make the clients of a set of files what the files say", tag: tagClients},
		func(ctx context.Context, in *body[ApplyRequest]) (*body[client.Plan], error) {
			docs := make([]client.Document, len(in.Body.Clients))
			for i, d := range in.Body.Clients {
				docs[i] = client.Document{Registration: d.Client, Digests: d.Digests, File: d.File, Line: d.Line}
				for _, text := range d.Secrets {
					docs[i].Secrets = append(docs[i].Secrets, secret.Redacted(text))
				}
			}
			plan, err := s.Clients.Apply(ctx, docs, client.ApplyOptions{DryRun: in.Body.DryRun, Prune: in.Body.Prune, Source: in.Body.Source})
			if err != nil {
				return nil, err
			}
			return &body[client.Plan]{plan}, nil
		})
}
