from __future__ import annotations

from django.urls import path

from accounts.views import account, loss, passkey, password, privacy, set_up, sign_in, terms

urlpatterns = [
    path("", sign_in.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/code/", sign_in.sign_in_code, name="sign-in-code"),
    path("sign-in/recovery/", sign_in.recovery, name="sign-in-recovery"),
    path("sign-in/set-up/", set_up.set_up, name="sign-in-set-up"),
    path("sign-in/set-up/codes/", set_up.first_codes, name="sign-in-codes"),
    path("sign-in/set-up/passkey/", passkey.set_up, name="sign-in-set-up-passkey"),
    path("sign-in/set-up/passkey/options/", passkey.new_options, name="passkey-new-options"),
    path("sign-in/passkey/", passkey.enter, name="sign-in-passkey"),
    path("sign-in/passkey/options/", passkey.options, name="passkey-options"),
    path("sign-in/again/", sign_in.again, name="sign-in-again"),
    path("sign-in/lost/", loss.lost, name="sign-in-lost"),
    path("desk/lost/", loss.desk, name="desk-lost"),
    path("sign-in/forgotten/", password.forgotten, name="password-forgotten"),
    path("sign-in/new-password/<str:token>/", password.by_link, name="password-by-link"),
    path("terms/", terms.terms, name="terms"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("account/", account.account_page, name="account"),
    path("account/apps/new/", set_up.app_new, name="account-app-new"),
    path("account/lost/cancel/", loss.cancel, name="account-loss-cancel"),
    path("account/password/", password.change, name="account-password"),
    path("account/passkeys/new/", passkey.new, name="account-passkey-new"),
    path("account/factors/<uuid:ref>/remove/", account.factor_remove, name="account-factor-remove"),
    path("account/codes/", set_up.codes_new, name="account-codes"),
    path("account/sessions/others/end/", account.sessions_end_others, name="account-sessions-end-others"),
    path("account/sessions/<uuid:ref>/end/", account.session_end, name="account-session-end"),
    path("account/stay/", account.stay, name="stay"),
    path("account/keep/", account.keep, name="keep"),
    path("account/acting/", account.act_for, name="account-acting"),
    path("theme/", account.theme, name="theme"),
    path("language/", account.language, name="language"),
    path("privacy/", privacy.privacy, name="privacy"),
]
