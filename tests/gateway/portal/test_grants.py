"""Consents (授权书) on the pages of who gives them: over HTTP, at a real gateway, with real certificates."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from contract.days import china_day
from contract.province import Province
from contract.signature_file import Signed, write_file
from contract.uscc import Uscc
from huren.authorisation.v1 import authorisation_pb2
from runtime.settings import TLSSettings
from sandbox.pki import PKI, issue_enterprise_certificate, make_pki
from tests.support.desks import Desk, Page, desk
from tests.support.people import BANK, BASIC, ENTERPRISE, NAME, OTHER, Founding, Lobby
from tests.support.visitors import signed

BANK_NAME: Final = "示例银行股份有限公司（演示）"
UNREGISTERED: Final = "11110000000014001E"
HOSTILE: Final = "<script>alert(1)</script>示例单位"


@pytest.fixture
async def legal(lobby: Lobby) -> Desk:
    return await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE)


def filled(lobby: Lobby, **changes: Any) -> dict[str, Any]:
    """A form, filled in."""
    until = china_day(lobby.live.federation.now) + timedelta(days=30)
    catalogue = lobby.live.federation.catalogues.in_force(china_day(lobby.live.federation.now))
    return {
        "grantee_uscc": BANK,
        "grantee_name": "",
        "purpose": "FINANCING",
        "domains": [domain.id for domain in catalogue.domains],
        "kinds": ["1", "2"],
        "first_day": "",
        "last_day": "",
        "max_uses": "2",
        "expires_on": until.isoformat(),
        **changes,
    }


def text_of(page: Page) -> str:
    """The text that is to be signed."""
    found = re.search(r'<pre class="consent-text" id="consent-text">(.*?)</pre>', page.html, re.DOTALL)
    assert found
    return found[1]


def pasted(text: str, tls: TLSSettings) -> dict[str, str]:
    """Certificate and signature, as they are pasted."""
    made = signed(text, tls)
    return {"certificate": tls.certificate.read_text(), "signature": made["signature"]}


def as_file(text: str, tls: TLSSettings) -> bytes:
    made = {name: base64.b64decode(value) for name, value in signed(text, tls).items()}
    return write_file(Signed(certificate=made["certificate"], signature=made["signature"])).encode()


async def given(at: Desk, lobby: Lobby, **changes: Any) -> Page:
    """The page of a consent that was just given."""
    draft = await at.send("draft_grant", filled(lobby, **changes))
    sent = {"terms": draft.value("terms"), **pasted(text_of(draft), lobby.certificate(ENTERPRISE))}
    done = await at.send("give_grant", sent)
    assert done.status == 303, done.text
    return await at.open("grant", grant=done.location.rpartition("/")[2])


# --- Filling in -------------------------------------------------------------------------------------------------------------


async def test_who_gave_no_consent_yet_is_told_so_and_shown_the_way(legal: Desk) -> None:
    page = await legal.open("grants")

    assert page.status == 200
    assert "还没有授权书" in page.text
    assert legal.at("new_grant") in page.html


async def test_the_form_begins_with_everything_once_for_thirty_days(legal: Desk, lobby: Lobby) -> None:
    page = await legal.open("new_grant")

    catalogue = lobby.live.federation.catalogues.in_force(china_day(lobby.live.federation.now))
    assert page.ticked("domains") == {domain.id for domain in catalogue.domains}
    assert page.ticked("kinds") == {"1", "2"}
    assert page.value("max_uses") == "1"
    assert page.value("expires_on") == (china_day(lobby.live.federation.now) + timedelta(days=30)).isoformat()
    assert "未说明" not in page.text  # a consent for no stated purpose would be one for any
    assert "履职查询" not in page.text
    assert "系统默认（未经确认）" in page.text


async def test_the_text_is_shown_whole_with_the_registered_name_of_who_may_ask(legal: Desk, lobby: Lobby) -> None:
    page = await legal.send("draft_grant", filled(lobby))
    text = text_of(page)

    assert page.status == 200
    for part in (NAME, ENTERPRISE, BANK, BANK_NAME, "用途：融资", "不超过2次", "授权人可以随时"):
        assert part in text
    terms = authorisation_pb2.GrantTerms.FromString(base64.b64decode(page.value("terms")))
    assert terms.document_number in text


async def test_the_downloaded_text_is_to_the_byte_what_is_signed(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    file = await legal.send("draft_text", {"terms": draft.value("terms")})

    assert file.status == 200
    assert file.body == text_of(draft).encode()
    assert file.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert file.headers["Content-Disposition"].startswith("attachment;")


REFUSED: Final[dict[str, tuple[dict[str, Any], str, str]]] = {
    "nobody": ({"grantee_uscc": ""}, "grantee_uscc", "请填写被授权单位的统一社会信用代码"),
    "no code": ({"grantee_uscc": "9111"}, "grantee_uscc", "应为18位"),
    "itself": ({"grantee_uscc": ENTERPRISE}, "grantee_uscc", "被授权人不能是授权人自己"),
    "another name": ({"grantee_name": "另一家"}, "grantee_name", "与登记名称不一致"),
    "not registered, no name": ({"grantee_uscc": UNREGISTERED}, "grantee_name", "请填写其名称"),
    "no purpose": ({"purpose": ""}, "purpose", "请选择用途"),
    "purpose not stated": ({"purpose": "NOT_STATED"}, "purpose", "请选择用途"),
    "an officer's purpose": ({"purpose": "OFFICIAL_DUTY"}, "purpose", "请选择用途"),
    "no domain is not every domain": ({"domains": []}, "domains", "请至少选择一个领域"),
    "no kind": ({"kinds": []}, "kinds", "请至少选择一类记录"),
    "unknown domain": ({"domains": ["nowhere"]}, "domains", "事项清单中没有领域"),
    "no domain at all": ({"domains": ["<b>"]}, "domains", "格式不符"),
    "one day of two": ({"first_day": "2026-01-01"}, "last_day", "须同时填写"),
    "no day": ({"first_day": "gestern", "last_day": "2026-01-01"}, "first_day", "格式不符"),
    "too long ago": ({"first_day": "1999-01-01", "last_day": "2026-01-01"}, "window", "早于签署日期前5年"),
    "never": ({"max_uses": "0"}, "max_uses", "1至1000"),
    "too often": ({"max_uses": "1001"}, "max_uses", "1至1000"),
    "much too often": ({"max_uses": "9" * 40}, "max_uses", "1至1000"),
    "no number": ({"max_uses": "二"}, "max_uses", "1至1000"),
    "over": ({"expires_on": "2020-01-01"}, "expires_on", "授权期限早于签署日期"),
    "too long": ({"expires_on": "2099-01-01"}, "expires_on", "授权期限超过1年"),
    "no last day": ({"expires_on": "bald"}, "expires_on", "日期"),
}
"""What is filled in, the field at which it is told, and what is told."""


async def test_what_cannot_be_granted_is_told_at_its_field_and_nothing_that_was_filled_in_is_lost(
    legal: Desk, lobby: Lobby
) -> None:
    for case, (changes, field, words) in REFUSED.items():
        sent = filled(lobby, max_uses="7") | changes
        page = await legal.send("draft_grant", sent)

        assert 400 <= page.status < 500, case
        assert "请更正后再提交" in page.text, case
        assert words in page.text, (case, page.text)
        assert f'href="#field-{field}"' in page.html, case
        assert f'id="field-{field}"' in page.html, case
        assert page.value("max_uses") == sent["max_uses"], case
        assert page.value("grantee_uscc") == sent["grantee_uscc"], case
        known = set(filled(lobby)["domains"])
        assert page.ticked("domains") == set(sent["domains"]) & known, case


async def test_a_hostile_name_stands_on_the_page_as_text(legal: Desk, lobby: Lobby) -> None:
    page = await legal.send("draft_grant", filled(lobby, grantee_uscc=UNREGISTERED, grantee_name=HOSTILE))

    assert page.status == 200
    assert HOSTILE not in page.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.html


async def test_going_back_from_the_text_keeps_what_was_filled_in(legal: Desk, lobby: Lobby) -> None:
    first = filled(lobby)["domains"][:2]
    draft = await legal.send("draft_grant", filled(lobby, domains=first, kinds=["1"], max_uses="9"))
    page = await legal.send("draft_grant", {"terms": draft.value("terms"), "change": "1"})

    assert page.status == 200
    assert page.value("grantee_uscc") == BANK
    assert page.value("grantee_name") == BANK_NAME
    assert page.value("max_uses") == "9"
    assert len(page.ticked("domains")) == 2
    assert page.ticked("kinds") == {"1"}


# --- Signing ----------------------------------------------------------------------------------------------------------------


async def test_a_signed_text_is_in_force_and_stands_in_the_list(legal: Desk, lobby: Lobby) -> None:
    page = await given(legal, lobby)

    assert page.status == 200
    for part in ("有效", BANK_NAME, "融资", "共2次，已用0次", "全部17个领域"):
        assert part in page.text
    listed = await legal.open("grants")
    assert BANK_NAME in listed.text
    assert "0／2次" in listed.text


async def test_a_file_with_certificate_and_signature_does_the_same(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    file = as_file(text_of(draft), lobby.certificate(ENTERPRISE))
    done = await legal.upload("give_grant", {"terms": draft.value("terms")}, file)

    assert done.status == 303
    assert "有效" in (await legal.open("grant", grant=done.location.rpartition("/")[2])).text


async def test_sending_the_signature_twice_gives_one_consent(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    sent = {"terms": draft.value("terms"), **pasted(text_of(draft), lobby.certificate(ENTERPRISE))}
    first, second = [await legal.send("give_grant", sent) for _ in range(2)]

    assert first.location == second.location
    assert "共 1 条" in (await legal.open("grants")).text


Change = Callable[[dict[str, str], str, TLSSettings], dict[str, str]]


def without_signature(sent: dict[str, str], _: str, __: TLSSettings) -> dict[str, str]:
    return sent | {"signature": ""}


def of_another_text(sent: dict[str, str], text: str, tls: TLSSettings) -> dict[str, str]:
    return sent | pasted(text + "\n", tls)


def no_base64(sent: dict[str, str], _: str, __: TLSSettings) -> dict[str, str]:
    return sent | {"signature": "不是签名"}


def no_certificate(sent: dict[str, str], _: str, __: TLSSettings) -> dict[str, str]:
    return sent | {"certificate": base64.b64encode(b"no certificate").decode()}


def a_long_signature(sent: dict[str, str], _: str, __: TLSSettings) -> dict[str, str]:
    return sent | {"signature": base64.b64encode(bytes(513)).decode()}


UNFIT: Final[dict[str, tuple[Change, str, str]]] = {
    "no signature": (without_signature, "signature", "没有找到签名"),
    "of another text": (of_another_text, "signature", "签名与授权书原文不符"),
    "no Base64": (no_base64, "signature", "签名不是Base64文本"),
    "no certificate": (no_certificate, "certificate", "证书无法识读"),
    "longer than any": (a_long_signature, "signature", "过长"),
}


async def test_a_signature_that_does_not_count_is_told_beside_the_text_which_stays(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    text, tls = text_of(draft), lobby.certificate(ENTERPRISE)
    sent = {"terms": draft.value("terms"), **pasted(text, tls)}
    for case, (change, field, words) in UNFIT.items():
        page = await legal.send("give_grant", change(sent, text, tls))

        assert page.status == 403, case
        assert words in page.text, (case, page.text)
        assert f'href="#field-{field}"' in page.html, case
        assert text_of(page) == text, case
        assert page.value("terms") == draft.value("terms"), case
    assert "还没有授权书" in (await legal.open("grants")).text
    assert (await legal.send("give_grant", sent)).status == 303


async def test_certificates_of_others_and_of_other_authorities_and_old_ones_do_not_count(
    legal: Desk, lobby: Lobby, tmp_path: Path
) -> None:
    now = lobby.live.federation.now
    draft = await legal.send("draft_grant", filled(lobby))
    text = text_of(draft)
    elsewhere = make_pki(tmp_path / "elsewhere", Province, now)

    async def told(tls: TLSSettings) -> str:
        page = await legal.send("give_grant", {"terms": draft.value("terms"), **pasted(text, tls)})
        assert page.status == 403
        assert text_of(page) == text
        return page.text

    def of(pki: PKI, code: Uscc, at: datetime) -> TLSSettings:
        return issue_enterprise_certificate(pki, code, NAME, at)

    assert "证书不是授权人的" in await told(of(lobby.live.pki, OTHER, now))
    assert "不是由认可的企业证书机构签发" in await told(of(elsewhere, ENTERPRISE, now))
    assert "证书不在有效期内" in await told(of(lobby.live.pki, ENTERPRISE, now - timedelta(days=4000)))


async def test_a_private_key_that_somebody_sends_by_mistake_is_refused_and_not_shown_again(
    legal: Desk, lobby: Lobby
) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    tls = lobby.certificate(ENTERPRISE)
    key = tls.private_key.read_text()
    sent = {"terms": draft.value("terms"), **pasted(text_of(draft), tls), "certificate": key}
    by_paste = await legal.send("give_grant", sent)
    by_file = await legal.upload(
        "give_grant", {"terms": draft.value("terms")}, as_file(text_of(draft), tls) + key.encode()
    )

    for page in (by_paste, by_file):
        assert page.status == 403
        assert "私钥不得上传" in page.text
        assert key.splitlines()[1] not in page.html


async def test_a_file_that_holds_no_signature_is_told_at_the_file(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    cases = {b"": "请选择签署结果文件", b"\xff\xfe\x00": "文件不是文本文件", b"hello": "没有找到证书"}
    for file, words in cases.items():
        page = await legal.upload("give_grant", {"terms": draft.value("terms")}, file)

        assert page.status == 403
        assert words in page.text
        assert 'id="field-file"' in page.html
        assert text_of(page) == text_of(draft)


async def test_terms_that_were_changed_on_the_way_are_not_covered_by_the_signature(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    terms = authorisation_pb2.GrantTerms.FromString(base64.b64decode(draft.value("terms")))
    terms.max_uses = 1000
    sent = pasted(text_of(draft), lobby.certificate(ENTERPRISE))
    page = await legal.send("give_grant", {"terms": base64.b64encode(terms.SerializeToString()).decode(), **sent})

    assert page.status == 403
    assert "签名与授权书原文不符" in page.text
    assert "不超过1000次" in text_of(page)


async def test_terms_of_another_enterprise_are_neither_shown_nor_handed_out_nor_given(
    legal: Desk, lobby: Lobby
) -> None:
    other = await desk(lobby, await lobby.person("other", represents=[OTHER]), OTHER)
    draft = await legal.send("draft_grant", filled(lobby))
    sent = {"terms": draft.value("terms"), **pasted(text_of(draft), lobby.certificate(ENTERPRISE))}

    for name in ("draft_text", "give_grant"):
        page = await other.send(name, sent)
        assert page.status == 422
        assert NAME not in page.text


async def test_a_text_of_yesterday_has_to_be_written_anew(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    terms = authorisation_pb2.GrantTerms.FromString(base64.b64decode(draft.value("terms")))
    terms.written_on = (china_day(lobby.live.federation.now) - timedelta(days=1)).isoformat()
    sent = pasted(text_of(draft), lobby.certificate(ENTERPRISE))
    page = await legal.send("give_grant", {"terms": base64.b64encode(terms.SerializeToString()).decode(), **sent})

    assert page.status == 422
    assert "签署日期不是当日" in page.text
    assert page.value("grantee_uscc") == BANK


async def test_terms_that_are_none_are_refused(legal: Desk, lobby: Lobby) -> None:
    for terms in ("", "!", "AAAA", "A" * 40_000):
        for name in ("draft_text", "give_grant"):
            page = await legal.send(name, {"terms": terms, **pasted("x", lobby.certificate(ENTERPRISE))})
            assert 400 <= page.status < 500, (terms[:9], name)


async def test_nothing_is_given_without_the_sessions_token(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))
    sent = {"terms": draft.value("terms"), **pasted(text_of(draft), lobby.certificate(ENTERPRISE)), "csrf": "0" * 32}

    assert (await legal.send("give_grant", sent)).status == 403
    assert "还没有授权书" in (await legal.open("grants")).text


async def test_the_key_has_no_place_in_any_form(legal: Desk, lobby: Lobby) -> None:
    draft = await legal.send("draft_grant", filled(lobby))

    (field,) = re.findall(r'<input[^>]*id="key-file"[^>]*>', draft.html)
    assert "name=" not in field
    forms = re.findall(r"<form.*?</form>", draft.html, re.DOTALL)
    assert all("key-file" not in form and "certificate-file" not in form for form in forms)


# --- Afterwards -------------------------------------------------------------------------------------------------------------


async def test_a_consent_that_was_taken_back_says_so_and_who_knows(legal: Desk, lobby: Lobby) -> None:
    page = await given(legal, lobby)
    grant = page.html.partition("again=")[2][:64]
    assert "撤回后不能恢复" in page.text

    for _ in range(2):  # who does it twice finds it taken back
        done = await legal.send("revoke_grant", {}, grant=grant)
        assert done.status == 303
        after = await legal.open("grant", grant=grant)
        assert "已撤回" in after.text
        assert "收到撤回" in after.text
        assert legal.at("revoke_grant", grant=grant) not in after.html


async def test_a_province_that_has_not_confirmed_is_not_said_to_know(legal: Desk, lobby: Lobby) -> None:
    page = await given(legal, lobby)

    confirmed = page.text.count("尚未确认")
    assert confirmed == 0 or "系统正在继续送达" in page.text
    assert ("四地均已确认收到" in page.text) is (confirmed == 0)


async def test_the_list_is_filtered_by_how_consents_stand(legal: Desk, lobby: Lobby) -> None:
    await given(legal, lobby)
    page = await given(legal, lobby, purpose="TENDER")
    await legal.send("revoke_grant", {}, grant=page.html.partition("again=")[2][:64])

    in_force = await legal.open("grants", "?state=in-force")
    revoked = await legal.open("grants", "?state=revoked")
    nothing = await legal.open("grants", "?state=expired")
    assert ("融资" in in_force.text, "招投标" in in_force.text) == (True, False)
    assert ("融资" in revoked.text, "招投标" in revoked.text) == (False, True)
    assert "没有符合条件的内容" in nothing.text


async def test_the_same_can_be_consented_to_once_more(legal: Desk, lobby: Lobby) -> None:
    first = filled(lobby)["domains"][:3]
    page = await given(legal, lobby, domains=first, max_uses="4")
    form = await legal.open("new_grant", f"?again={page.html.partition('again=')[2][:64]}")

    assert form.value("grantee_uscc") == BANK
    assert form.ticked("domains") == set(first)
    assert form.value("max_uses") == "4"


async def test_nobody_else_sees_or_takes_back_a_consent(legal: Desk, lobby: Lobby) -> None:
    page = await given(legal, lobby)
    grant = page.html.partition("again=")[2][:64]
    other = await desk(lobby, await lobby.person("other", represents=[OTHER]), OTHER)
    bank = await desk(lobby, await lobby.person("bank", represents=[BANK]), BANK)

    for stranger in (other, bank):  # the bank has a page of its own for it, and gives nothing away
        assert (await stranger.open("grant", grant=grant)).status == 404
        assert (await stranger.send("revoke_grant", {}, grant=grant)).status == 404
        assert "还没有授权书" in (await stranger.open("grants")).text
    assert "有效" in (await legal.open("grant", grant=grant)).text
    assert (await legal.open("grant", grant="nonsense")).status == 404


async def test_a_password_alone_and_an_agent_without_this_mandate_are_told_what_to_do(lobby: Lobby) -> None:
    weak = await desk(lobby, await lobby.person("weak", represents=[ENTERPRISE], level=BASIC), ENTERPRISE)
    agent = await lobby.person("agent")
    await Founding(lobby).confirm(agent, ["report"])
    at_desk = await desk(lobby, agent, ENTERPRISE)

    assert "以口令登录" in (await weak.open("new_grant")).text
    assert "尚未获得该企业授权" in (await at_desk.open("new_grant")).text


async def test_pages_in_english_hold_no_chinese_that_is_not_marked(lobby: Lobby) -> None:
    legal = await desk(lobby, await lobby.person("legal", represents=[ENTERPRISE]), ENTERPRISE, look="en.light.normal")
    draft = await legal.send("draft_grant", filled(lobby))
    page = await given(legal, lobby)

    for one in (await legal.open("grants"), await legal.open("new_grant"), draft, page):
        assert one.status == 200
        assert one.stray_chinese == []
