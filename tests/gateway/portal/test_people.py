"""An enterprise and its agents: what the registry says, and what only the legal representative may do."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest

from contract.days import china_day
from contract.province import Province
from contract.registry import FormerCode, FormerName, Registration, RegistryEntry, RegistryUnavailableError
from contract.uscc import Uscc
from gateway.portal.visit import handle_of
from huren.common.v1 import common_pb2
from huren.fragment.v1 import query_pb2
from tests.support.federation import uscc
from tests.support.people import BASIC, ENTERPRISE, NAME, OTHER, Actor, Answer, Founding, Lobby

SUBSTANTIAL = query_pb2.IDENTITY_LEVEL_SUBSTANTIAL


async def home_of(lobby: Lobby, actor: Actor, enterprise: Uscc = ENTERPRISE) -> str:
    person = await lobby.sessions.find(actor.cookie)
    assert person is not None
    return f"/e/{handle_of(person, enterprise)}/people"


async def page(lobby: Lobby, actor: Actor, enterprise: Uscc = ENTERPRISE, *, english: bool = False) -> Answer:
    look = "; __Host-huren-look=en.auto.normal" if english else ""
    headers = {"Cookie": f"__Host-huren-session={actor.cookie}{look}"}
    return await lobby.send(actor, "GET", await home_of(lobby, actor, enterprise), headers=headers)


async def confirm(lobby: Lobby, legal: Actor, mandate: str, code: str, /, **fields: Any) -> Answer:
    day = china_day(lobby.live.federation.now) + timedelta(days=30)
    filled = {"mandate": mandate, "pairing_code": code, "scopes": "report", "expires_on": day.isoformat()} | fields
    sent = {"csrf": legal.csrf_token, **filled}
    return await lobby.send(legal, "POST", await home_of(lobby, legal) + "/agents", data=sent)


async def asked(lobby: Lobby, name: str = "agent") -> tuple[str, str]:
    return await Founding(lobby).ask(await lobby.person(name), ["report", "look_ups"])


def main_of(answer: Answer) -> str:
    return answer.body.decode().split("<main", 1)[1].split("</main>", 1)[0]


# --- Agents -----------------------------------------------------------------------------------------------------------


async def test_the_legal_representative_confirms_with_the_code(lobby: Lobby) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    mandate, code = await asked(lobby)
    before = main_of(await page(lobby, legal))
    assert mandate in before
    assert code not in before

    answer = await confirm(lobby, legal, mandate, code.lower().replace("-", " "))

    assert answer.status == 303
    location = dict(answer.headers)["Location"]
    assert code not in location
    text = main_of(await page(lobby, legal))
    assert "授权中" in text
    assert "等待您确认" not in text
    agent = await lobby.person("agent")
    assert NAME in (await lobby.send(agent, "GET", "/mandates")).body.decode()


async def test_a_wrong_code_is_told_and_five_of_them_end_the_ask(lobby: Lobby) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    mandate, code = await asked(lobby)

    for _ in range(4):
        answer = await confirm(lobby, legal, mandate, "2222-2222")
        assert answer.status == 403
        assert "确认码不符" in main_of(answer)
        assert 'value="2222-2222"' in main_of(answer)
        assert 'id="error-pairing_code"' in main_of(answer)
    last = await confirm(lobby, legal, mandate, "2222-2222")
    assert 'name="pairing_code"' not in main_of(last)

    assert (await confirm(lobby, legal, mandate, code)).status == 404
    assert "待确认" not in (await lobby.send(await lobby.person("agent"), "GET", "/mandates")).body.decode()


async def test_nobody_confirms_their_own_ask(lobby: Lobby) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    mandate, code = await Founding(lobby).ask(legal, ["report"])

    text = main_of(await page(lobby, legal))
    answer = await confirm(lobby, legal, mandate, code)

    assert "自己的申请也不能由自己确认" in text
    assert 'name="pairing_code"' not in text
    assert answer.status == 404
    assert "授权中" not in main_of(await page(lobby, legal))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"expires_on": "2026年"}, "授权到期日应写作年-月-日", id="no day"),
        pytest.param({"expires_on": "2099-01-01"}, "授权到期日应在", id="too late"),
        pytest.param({"expires_on": "2020-01-01"}, "授权到期日应在", id="past"),
        pytest.param({"scopes": "grant"}, "授权事项不得超出经办人申请的范围", id="more than was asked for"),
        pytest.param({"scopes": ""}, "应至少选择一项授权事项", id="no scope"),
        pytest.param({"scopes": "x"}, "所选授权事项不在清单之内", id="another scope"),
        pytest.param({"mandate": ""}, "请选择要确认的是哪一项申请", id="none chosen"),
    ],
)
async def test_what_does_not_fit_is_told_at_its_field_and_changes_nothing(
    lobby: Lobby, fields: dict[str, str], told: str
) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    mandate, code = await asked(lobby)

    answer = await confirm(lobby, legal, mandate, code, **fields)

    assert answer.status == 400
    assert told in main_of(answer)
    assert "接口规范" not in main_of(answer)
    assert f'value="{code}"' in main_of(answer)
    assert (await confirm(lobby, legal, mandate, code)).status == 303


@pytest.mark.parametrize(("level", "told"), [(BASIC, "您以口令登录"), (SUBSTANTIAL, "需要最高的登录等级")])
async def test_only_the_strongest_login_confirms(
    lobby: Lobby, level: query_pb2.IdentityLevel.ValueType, told: str
) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE], level=level)
    mandate, code = await asked(lobby)

    text = main_of(await page(lobby, legal))
    answer = await confirm(lobby, legal, mandate, code)

    assert told in text
    assert 'name="pairing_code"' not in text
    assert answer.status == 403
    assert (await confirm(lobby, await lobby.person("legal", represents=[ENTERPRISE]), mandate, code)).status == 303


async def test_an_agent_is_told_who_sees_to_agents_and_sees_none(lobby: Lobby) -> None:
    agent = await lobby.person("agent")
    await Founding(lobby).confirm(agent, ["report"])
    mandate, code = await asked(lobby, "another")

    text = main_of(await page(lobby, agent))

    assert "经办人由法定代表人管理" in text
    assert mandate not in text
    assert (await confirm(lobby, agent, mandate, code)).status == 403
    path = await home_of(lobby, agent) + f"/agents/{mandate}/end"
    assert (await lobby.send(agent, "POST", path, data={"csrf": agent.csrf_token})).status == 403


async def test_who_acts_for_one_enterprise_sees_nothing_of_another(lobby: Lobby) -> None:
    agent, legal = await lobby.person("agent"), await lobby.person("other legal", represents=[OTHER])
    await Founding(lobby).confirm(agent, ["report"])
    mandate, code = await asked(lobby, "another")

    for actor, enterprise in ((agent, OTHER), (legal, ENTERPRISE)):
        answer = await page(lobby, actor, enterprise)
        assert answer.status == 403
        assert enterprise not in answer.body.decode()
        assert NAME not in answer.body.decode()
    assert (await confirm(lobby, legal, mandate, code)).status == 403
    # Under the name of their own enterprise nobody reaches another one's mandates.
    end = f"{await home_of(lobby, legal, OTHER)}/agents/{mandate}/end"
    assert (await lobby.send(legal, "POST", end, data={"csrf": legal.csrf_token})).status == 404
    under_own = await lobby.send(
        legal,
        "POST",
        f"{await home_of(lobby, legal, OTHER)}/agents",
        data={
            "csrf": legal.csrf_token,
            "mandate": mandate,
            "pairing_code": code,
            "scopes": "report",
            "expires_on": china_day(lobby.live.federation.now).isoformat(),
        },
    )
    assert under_own.status == 404
    theirs = await lobby.person("legal", represents=[ENTERPRISE])
    assert mandate in main_of(await page(lobby, theirs))


async def test_the_handle_of_one_person_opens_nothing_for_another(lobby: Lobby) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    other = await lobby.person("second legal", represents=[ENTERPRISE])

    answer = await lobby.send(other, "GET", await home_of(lobby, legal))

    assert answer.status == 403


async def test_the_legal_representative_ends_a_mandate(lobby: Lobby) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    mandate = await Founding(lobby).confirm(await lobby.person("agent"), ["report"])
    path = await home_of(lobby, legal) + f"/agents/{mandate}/end"

    assert (await lobby.send(legal, "POST", path, data={})).status == 403
    assert (await lobby.send(legal, "POST", path, data={"csrf": legal.csrf_token})).status == 303

    assert "还没有经办人" in main_of(await page(lobby, legal))
    assert (await page(lobby, await lobby.person("agent"))).status == 403


# --- The enterprise ---------------------------------------------------------------------------------------------------


async def test_the_enterprise_is_shown_as_the_registry_knows_it(lobby: Lobby) -> None:
    lobby.live.registry.entries[ENTERPRISE] = RegistryEntry(
        uscc=ENTERPRISE,
        name="北京示例<script>alert(1)</script>机械有限公司",
        kind=common_pb2.SUBJECT_KIND_ENTERPRISE,
        status=common_pb2.REGISTRATION_STATUS_ACTIVE,
        registrations=(
            Registration(province=Province.HEBEI, since=date(2012, 3, 1)),
            Registration(province=None, since=date(2008, 1, 1)),
            Registration(province=Province.BEIJING, since=date(2020, 5, 6)),
        ),
        former_names=(FormerName(name="河北示例机械厂", valid_to=date(2015, 6, 7)),),
        former_codes=(FormerCode(uscc=uscc(44), valid_to=date(2016, 7, 8)),),
    )
    legal = await lobby.person("legal", represents=[ENTERPRISE])

    answer = await page(lobby, legal)
    text = main_of(answer)

    for shown in ("河北示例机械厂", uscc(44), "四地以外", "河北省", "2020-05-06起", "存续", "（演示）000-12345"):
        assert shown in text
    assert text.index("2008-01-01") < text.index("2012-03-01") < text.index("2020-05-06")
    assert "<script>alert" not in answer.body.decode()
    assert "&lt;script&gt;" in text


async def test_what_is_not_known_is_said_to_be_not_known(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    del lobby.live.registry.entries[ENTERPRISE]
    assert "登记库中未查询到" in main_of(await page(lobby, legal))

    async def silent(code: Uscc) -> RegistryEntry | None:
        raise RegistryUnavailableError(code)

    monkeypatch.setattr(lobby.live.registry, "lookup", silent)
    assert "登记库暂未应答" in main_of(await page(lobby, legal))


async def test_the_page_is_told_in_english_too(lobby: Lobby) -> None:
    legal = await lobby.person("legal", represents=[ENTERPRISE])
    await asked(lobby)

    text = main_of(await page(lobby, legal, english=True))

    assert "Waiting for you" in text
    outside = re.sub(r'<span lang="zh-CN">.*?</span>', "", text).replace("（演示）000-12345", "")
    assert re.findall(r"[一-鿿]+", outside) == []
