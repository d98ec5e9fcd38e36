"""Accounts and sessions with the stock Python client, from the invitation to the end."""

import asyncio
import base64
import hmac
import os
import re
import time
import unittest
from uuid import uuid4

import httpx
from supabase import AsyncClientOptions, acreate_client
from supabase_auth.errors import AuthApiError

URL = os.environ["SUPABASE_URL"]
ANON_KEY = os.environ["SUPABASE_ANON_KEY"]
SERVICE_KEY = os.environ["SUPABASE_SERVICE_ROLE_KEY"]
PASSWORD = "walkie-demo"
STEP_SECONDS = 30
# How long a letter may take.
PATIENCE_SECONDS = 15


def code(secret, steps=0):
    """The code that an authenticator app shows, now or so many steps from now."""
    counter = (int(time.time()) // STEP_SECONDS + steps).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def address():
    return f"{uuid4()}@example.com"


class Letters:
    """The inbox of one address."""

    def __init__(self, to):
        self.to = to
        self.seen = set()

    async def next(self):
        """The text of the next letter."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        async with httpx.AsyncClient(base_url=f"{URL}/inbox/api/v1/") as inbox:
            while time.monotonic() < deadline:
                found = (await inbox.get("search", params={"query": f"to:{self.to}"})).json()
                fresh = [each["ID"] for each in found["messages"] if each["ID"] not in self.seen]
                if fresh:
                    self.seen.add(fresh[-1])
                    return (await inbox.get(f"message/{fresh[-1]}")).json()["Text"]
                await asyncio.sleep(0.05)
        raise AssertionError(f"no letter to {self.to}")

    async def code(self):
        return re.search(r"\b\d{6}\b", await self.next())[0]

    async def link(self):
        return re.search(r"http\S+/auth/v1/verify\S+", await self.next())[0]


class Accounts(unittest.IsolatedAsyncioTestCase):
    async def client(self, key=ANON_KEY, **options):
        client = await acreate_client(URL, key, AsyncClientOptions(**options))
        self.addAsyncCleanup(client.remove_all_channels)
        return client

    async def newcomer(self):
        client, email = await self.client(), address()
        await client.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {"name": "Eve"}}})
        return client, email

    async def again(self, email, password=PASSWORD):
        client = await self.client()
        await client.auth.sign_in_with_password({"email": email, "password": password})
        return client

    async def refused(self, code, asked):
        with self.assertRaises(AuthApiError) as caught:
            await asked
        self.assertEqual(caught.exception.code, code)

    async def level(self, client):
        return (await client.auth.mfa.get_authenticator_assurance_level()).current_level


class Journey(Accounts):
    async def test_whoever_signs_up_signs_in_and_changes_what_is_known(self):
        client, email = await self.newcomer()
        user = (await client.auth.get_user()).user
        self.assertEqual((user.email, user.user_metadata["name"]), (email, "Eve"))

        before = await client.auth.get_session()
        after = (await client.auth.refresh_session()).session
        self.assertNotEqual(before.refresh_token, after.refresh_token)
        changed = await client.auth.update_user({"password": "another one", "data": {"name": "Eva"}})
        self.assertEqual(changed.user.user_metadata["name"], "Eva")
        claims = (await client.auth.get_claims())["claims"]
        self.assertEqual((claims["sub"], claims["role"]), (user.id, "authenticated"))

        await self.refused("invalid_credentials", self.again(email))
        other = await self.again(email, "another one")
        self.assertEqual((await other.auth.get_user()).user.id, user.id)

    async def test_an_invited_person_confirms_the_address_by_its_link(self):
        admin, email = await self.client(SERVICE_KEY), address()
        invited = (await admin.auth.admin.invite_user_by_email(email)).user
        self.assertIsNone(invited.email_confirmed_at)
        link = httpx.URL(await Letters(email).link())

        client = await self.client()
        session = await client.auth.verify_otp({"token_hash": link.params["token"], "type": "invite"})
        self.assertIsNotNone(session.user.email_confirmed_at)
        await client.auth.update_user({"password": PASSWORD})
        self.assertEqual((await (await self.again(email)).auth.get_user()).user.id, invited.id)

    async def test_a_code_in_mail_signs_in_once(self):
        _, email = await self.newcomer()
        client, letters = await self.client(), Letters(email)
        await client.auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}})
        shown = {"email": email, "token": await letters.code(), "type": "email"}
        self.assertEqual((await client.auth.verify_otp(shown)).user.email, email)
        await self.refused("otp_expired", client.auth.verify_otp(shown))

    async def test_a_forgotten_password_is_replaced(self):
        _, email = await self.newcomer()
        client, letters = await self.client(), Letters(email)
        await client.auth.reset_password_for_email(email)
        await client.auth.verify_otp({"email": email, "token": await letters.code(), "type": "recovery"})
        await client.auth.update_user({"password": "a new one"})
        await self.again(email, "a new one")

    async def test_an_address_is_changed(self):
        client, email = await self.newcomer()
        wanted = address()
        await client.auth.update_user({"email": wanted})
        self.assertEqual((await client.auth.get_user()).user.email, wanted)
        await self.again(wanted)
        await self.refused("invalid_credentials", self.again(email))

    async def test_a_link_comes_back_with_a_code_that_only_the_asker_can_use(self):
        _, email = await self.newcomer()
        client, letters = await self.client(flow_type="pkce"), Letters(email)
        await client.auth.sign_in_with_otp({"email": email})
        back = httpx.URL(httpx.get(await letters.link()).headers["location"])
        stranger = await self.client(flow_type="pkce")
        asked = {"auth_code": back.params["code"], "code_verifier": "a" * 43}
        await self.refused("bad_code_verifier", stranger.auth.exchange_code_for_session(asked))

        session = await client.auth.exchange_code_for_session({"auth_code": back.params["code"]})
        self.assertEqual(session.user.email, email)


class Sessions(Accounts):
    async def test_sessions_are_seen_and_ended(self):
        client, email = await self.newcomer()
        phone, laptop = await self.again(email), await self.again(email)
        mine = (await client.rpc("my_sessions").execute()).data
        self.assertEqual((len(mine), sum(each["is_current"] for each in mine)), (3, 1))

        ended = next(each for each in (await phone.rpc("my_sessions").execute()).data if each["is_current"])
        await client.rpc("revoke_session", {"id": ended["id"]}).execute()
        await self.refused("session_not_found", phone.auth.get_user((await phone.auth.get_session()).access_token))
        await client.auth.sign_out({"scope": "others"})
        await self.refused("session_not_found", laptop.auth.get_user((await laptop.auth.get_session()).access_token))

        token = (await client.auth.get_session()).access_token
        await client.auth.sign_out()
        self.assertIsNone(await client.auth.get_session())
        await self.refused("session_not_found", client.auth.get_user(token))

    async def test_an_app_raises_the_session(self):
        client, email = await self.newcomer()
        factor = await client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
        asked = await client.auth.mfa.challenge({"factor_id": factor.id})
        shown = {"factor_id": factor.id, "challenge_id": asked.id, "code": code(factor.totp.secret)}
        await client.auth.mfa.verify(shown)
        self.assertEqual(await self.level(client), "aal2")

        other = await self.again(email)
        self.assertEqual(await self.level(other), "aal1")
        await self.refused("insufficient_aal", other.auth.update_user({"password": "another one"}))
        verified = (await other.auth.mfa.list_factors()).totp
        self.assertEqual([each.id for each in verified], [factor.id])
        step = {"factor_id": factor.id, "code": code(factor.totp.secret, 1)}
        await other.auth.mfa.challenge_and_verify(step)
        self.assertEqual(await self.level(other), "aal2")
        await self.refused("mfa_verification_failed", other.auth.mfa.challenge_and_verify(step))

        await other.auth.mfa.unenroll({"factor_id": factor.id})
        await other.auth.refresh_session()
        self.assertEqual(await self.level(other), "aal1")


class Operators(Accounts):
    async def test_accounts_are_made_found_changed_and_deleted(self):
        admin, email = (await self.client(SERVICE_KEY)).auth.admin, address()
        made = (await admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True})).user
        self.assertEqual((await admin.get_user_by_id(made.id)).user.email, email)
        self.assertIn(made.id, [user.id for user in await admin.list_users(page=1, per_page=1000)])
        client = await self.again(email)

        changed = await admin.update_user_by_id(made.id, {"app_metadata": {"team": "red"}})
        self.assertEqual(changed.user.app_metadata["team"], "red")
        await client.auth.refresh_session()
        self.assertEqual((await client.auth.get_claims())["claims"]["app_metadata"]["team"], "red")

        await admin.update_user_by_id(made.id, {"ban_duration": "1h"})
        await self.refused("user_banned", self.again(email))
        await admin.update_user_by_id(made.id, {"ban_duration": "none"})
        token = (await (await self.again(email)).auth.get_session()).access_token
        await admin.sign_out(token, "global")
        await self.refused("session_not_found", client.auth.get_user(token))

        await admin.delete_user(made.id)
        await self.refused("user_not_found", admin.get_user_by_id(made.id))
        await self.refused("invalid_credentials", self.again(email))

    async def test_links_are_made_without_mail(self):
        admin, (client, email) = (await self.client(SERVICE_KEY)).auth.admin, await self.newcomer()
        made = (await admin.generate_link({"type": "magiclink", "email": email})).properties
        session = await client.auth.verify_otp({"token_hash": made.hashed_token, "type": "magiclink"})
        self.assertEqual(session.user.email, email)

    async def test_operators_take_lost_factors_away(self):
        admin, (client, _) = (await self.client(SERVICE_KEY)).auth.admin, await self.newcomer()
        factor = await client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "lost"})
        user = (await client.auth.get_user()).user
        listed = await admin.mfa.list_factors({"user_id": user.id})
        self.assertEqual([each.id for each in listed], [factor.id])
        await admin.mfa.delete_factor({"user_id": user.id, "id": factor.id})
        self.assertEqual(await admin.mfa.list_factors({"user_id": user.id}), [])

    async def test_nobody_else_is_an_operator(self):
        client, _ = await self.newcomer()
        user = (await client.auth.get_user()).user
        await self.refused("not_admin", client.auth.admin.get_user_by_id(user.id))


if __name__ == "__main__":
    unittest.main()
