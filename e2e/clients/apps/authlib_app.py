"""A web application whose people sign in with Authlib's Flask client."""
import os
from urllib.parse import urlencode

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, request, session, url_for
from requests import HTTPError

from serving import serve

app = Flask(__name__)
app.secret_key = os.urandom(32)


def keep(token, **old):
    session["token"] = token


oauth = OAuth(app)
oauth.register(
    "idp",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ.get("CLIENT_SECRET"),  # none: a public client
    server_metadata_url=os.environ["ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": os.environ["SCOPE"], "code_challenge_method": os.environ.get("PKCE")},  # PKCE is S256 or absent
    update_token=keep,
)


@app.get("/login")
def login():
    return oauth.idp.authorize_redirect(url_for("callback", _external=True))


@app.get("/fresh")
def fresh():
    """Before something that matters: the person proves again who they are. Look at auth_time afterwards."""
    return oauth.idp.authorize_redirect(url_for("callback", _external=True), prompt="login")


@app.get("/callback")
def callback():
    try:
        token = oauth.idp.authorize_access_token()
    except OAuthError as e:
        return {"error": e.error, "message": "You are not signed in: " + e.error}, 403
    session["user"] = token.pop("userinfo", None)  # the claims of the ID token
    keep(token)
    return redirect(url_for("me"))


@app.get("/login/flask-security")
def login_flask_security():
    """Flask-Security up to 5.3 puts a query into the redirect URI."""
    return oauth.idp.authorize_redirect(url_for("response_flask_security", name="idp", next="/", _external=True))


@app.get("/login/oauthresponse/<name>")
def response_flask_security(name):
    token = oauth.idp.authorize_access_token()
    email = token["userinfo"]["email"]  # what its glue looks the user up by
    session["user"] = token.pop("userinfo")
    keep(token)
    return {"email": email, "next": request.args["next"]}


@app.get("/me")
def me():
    return {"user": session.get("user"), "token": session.get("token")}


@app.get("/userinfo")
def userinfo():
    try:
        return {"claims": oauth.idp.userinfo(token=session["token"])}
    except HTTPError as e:
        return {"status": e.response.status_code}


@app.get("/refresh")
def refresh():
    """A token that has run out is refreshed before it is used; this one says so of itself."""
    try:
        oauth.idp.userinfo(token=dict(session["token"], expires_at=1))
    except AuthlibBaseError as e:
        return {"error": e.error}
    return {"error": ""}


@app.get("/logout")
def logout():
    token = session.pop("token")
    session.clear()
    server = oauth.idp.load_server_metadata()
    with oauth.idp._get_oauth_client(**server) as client:
        client.revoke_token(server["revocation_endpoint"], token=token["refresh_token"])
    back = url_for("bye", _external=True)
    hint = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": back}
    return redirect(server["end_session_endpoint"] + "?" + urlencode(hint))


@app.get("/bye")
def bye():
    return {"message": "You are signed out."}


serve(app)
