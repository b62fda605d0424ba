"""A web application whose people sign in with Flask-Dance."""
import os
from urllib.parse import urlencode

import requests
from flask import Flask, redirect, session, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint, oauth_error
from oauthlib.oauth2 import OAuth2Error

from serving import serve

app = Flask(__name__)
app.secret_key = os.urandom(32)

ISSUER = os.environ["ISSUER"]
CLIENT = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])

idp = OAuth2ConsumerBlueprint(
    "idp", __name__,
    client_id=CLIENT[0],
    client_secret=CLIENT[1],
    scope=os.environ["SCOPE"].split() or None,
    base_url=ISSUER,
    authorization_url=ISSUER + "/oauth2/authorize",
    token_url=ISSUER + "/oauth2/token",
    auto_refresh_url=ISSUER + "/oauth2/token",
    redirect_to="me",
)
app.register_blueprint(idp, url_prefix="/login")  # the redirect URI is /login/idp/authorized


@oauth_error.connect_via(idp)
def failed(blueprint, error, **more):
    session["error"] = error


@app.get("/login")
def login():
    session.pop("error", None)
    return redirect(url_for("idp.login"))


@app.get("/me")
def me():
    error = session.pop("error", None)
    if error:  # a page of its own: an application that goes to the sign-in again would go round in circles
        return {"error": error, "message": "You are not signed in: " + error}, 403
    if not idp.session.authorized:
        return {"user": None, "token": None}
    answer = idp.session.get(ISSUER + "/oauth2/userinfo")
    return {"user": answer.json() if answer.ok else None, "token": idp.token}


@app.get("/userinfo")
def userinfo():
    answer = idp.session.get(ISSUER + "/oauth2/userinfo")
    return {"claims": answer.json()} if answer.ok else {"status": answer.status_code}


@app.get("/refresh")
def refresh():
    """A token that has run out is refreshed before it is used; this one says so of itself."""
    idp.token = dict(idp.token, expires_in=-1)
    try:
        idp.session.get(ISSUER + "/oauth2/userinfo")
    except OAuth2Error as e:
        return {"error": e.error}
    return {"error": ""}


@app.get("/logout")
def logout():
    token = idp.token
    session.clear()
    answer = requests.post(ISSUER + "/oauth2/revoke", auth=CLIENT, data={"token": token["refresh_token"]})
    answer.raise_for_status()
    back = url_for("bye", _external=True)
    hint = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": back}
    return redirect(ISSUER + "/oauth2/logout?" + urlencode(hint))


@app.get("/bye")
def bye():
    return {"message": "You are signed out."}


serve(app)
