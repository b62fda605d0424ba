"""A web application whose people sign in with social-core's generic OpenID Connect backend."""
import os
from urllib.parse import urlencode

import requests
from flask import Flask, redirect, request, session, url_for
from social_core.actions import do_auth, do_complete
from social_core.exceptions import AuthCanceled, AuthException

from serving import serve
from social_storage import SOCIAL, Strategy

app = Flask(__name__)
app.secret_key = os.urandom(32)

SETTINGS = {
    "SOCIAL_AUTH_AUTHENTICATION_BACKENDS": ["social_core.backends.open_id_connect.OpenIdConnectAuth"],
    "SOCIAL_AUTH_OIDC_OIDC_ENDPOINT": os.environ["ISSUER"],  # no slash at the end
    "SOCIAL_AUTH_OIDC_KEY": os.environ["CLIENT_ID"],
    "SOCIAL_AUTH_OIDC_SECRET": os.environ["CLIENT_SECRET"],
    "SOCIAL_AUTH_OIDC_SCOPE": os.environ["SCOPE"].split(),  # besides openid, profile and email
    "SOCIAL_AUTH_LOGIN_REDIRECT_URL": "/me",
}


def backend():
    return Strategy(SETTINGS).get_backend("oidc", redirect_uri="/complete/oidc/")


def social():
    return SOCIAL["oidc", session["uid"]]


@app.get("/login")
def login():
    return do_auth(backend())


@app.get("/complete/oidc/")
def complete():
    try:
        return do_complete(backend(), lambda backend, user, social: session.update(uid=social.uid))
    except AuthCanceled as e:
        return {"error": "access_denied", "message": str(e)}, 403
    except AuthException as e:
        return {"error": request.args.get("error", "failed"), "message": str(e)}, 403


@app.get("/me")
def me():
    if "uid" not in session:
        return {"user": None, "token": None}
    user = social().user
    return {
        "user": {"sub": social().uid, "preferred_username": user.username, "email": user.email, "name": user.fullname},
        "token": social().extra_data,
    }


@app.get("/userinfo")
def userinfo():
    try:
        return {"claims": backend().user_data(social().access_token)}
    except requests.HTTPError as e:
        return {"status": e.response.status_code}


@app.get("/refresh")
def refresh():
    try:
        social().refresh_token(Strategy(SETTINGS))
    except requests.HTTPError as e:
        return {"error": e.response.json()["error"]}
    return {"error": ""}


@app.get("/logout")
def logout():
    token, oidc = social().extra_data, backend()
    session.clear()
    server = oidc.oidc_config()
    answer = requests.post(server["revocation_endpoint"], auth=oidc.get_key_and_secret(), data={"token": token["refresh_token"]})
    answer.raise_for_status()
    back = url_for("bye", _external=True)
    hint = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": back}
    return redirect(server["end_session_endpoint"] + "?" + urlencode(hint))


@app.get("/bye")
def bye():
    return {"message": "You are signed out."}


serve(app)
