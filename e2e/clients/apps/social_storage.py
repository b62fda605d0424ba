"""What social-core wants of a framework, for Flask and in memory. Django and Flask have packages for it (social-auth-app-django)."""
from flask import make_response, redirect, request, session
from social_core.storage import AssociationMixin, BaseStorage, UserMixin
from social_core.strategy import BaseStrategy

USERS = []
SOCIAL = {}
ASSOCIATIONS = {}


class User:
    is_active = True

    def __init__(self, username, email=None):
        self.username, self.email, self.fullname = username, email, ""


class Social(UserMixin):
    def __init__(self, user, uid, provider):
        self.user, self.uid, self.provider, self.extra_data = user, uid, provider, {}

    def save(self):
        pass

    @classmethod
    def user_model(cls):
        return User

    @classmethod
    def username_max_length(cls):
        return 150

    @classmethod
    def user_exists(cls, username):
        return any(u.username == username for u in USERS)

    @classmethod
    def create_user(cls, **fields):
        USERS.append(User(**fields))
        return USERS[-1]

    @classmethod
    def get_username(cls, user):
        return user.username

    @classmethod
    def changed(cls, user):
        pass

    @classmethod
    def get_social_auth(cls, provider, uid):
        return SOCIAL.get((provider, uid))

    @classmethod
    def create_social_auth(cls, user, uid, provider):
        return SOCIAL.setdefault((provider, uid), cls(user, uid, provider))


class Association(AssociationMixin):
    @classmethod
    def store(cls, server_url, association):
        association.id = association.handle
        ASSOCIATIONS[server_url, association.handle] = association

    @classmethod
    def get(cls, server_url, handle):
        return [a for key, a in ASSOCIATIONS.items() if key == (server_url, handle)]

    @classmethod
    def remove(cls, ids):
        for key in [k for k in ASSOCIATIONS if k[1] in ids]:
            del ASSOCIATIONS[key]


class Storage(BaseStorage):
    user = Social
    association = Association


class Strategy(BaseStrategy):
    def __init__(self, settings):
        super().__init__(Storage)
        self.settings = settings

    def get_setting(self, name):
        return self.settings[name]

    def request_data(self, merge=True):
        return request.values.to_dict()

    def request_host(self):
        return request.host

    def build_absolute_uri(self, path=None):
        return request.host_url.rstrip("/") + (path or "")

    def redirect(self, url):
        return redirect(url)

    def html(self, content):
        return make_response(content)

    def session_get(self, name, default=None):
        return session.get(name, default)

    def session_set(self, name, value):
        session[name] = value

    def session_pop(self, name):
        return session.pop(name, None)
