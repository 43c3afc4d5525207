"""问题解答: twenty questions, with answers that say no more than a report does.

Each has an anchor, so that other pages, letters and telephone desks can point to it. An anchor is never used for another question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contract.reasons import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and its answer.

    Attributes:
        anchor: Where it stands on the page.
        asked: The question.
        answer: Its paragraphs.
        pages: Names of pages where it goes on.
    """

    anchor: str
    asked: Words
    answer: tuple[Words, ...]
    pages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about one thing.

    Attributes:
        anchor: Where they begin.
        title: What they are about.
        questions: The questions.
    """

    anchor: str
    title: Words
    questions: tuple[Question, ...]


_THE_REPORT: Final = Group(
    "the-report",
    Words("这份报告", "The report"),
    (
        Question(
            anchor="what-it-is",
            asked=Words(
                "互认版报告是什么，和本省（市）的报告有什么不同？",
                "What is this report, and how does it differ from a province's own?",
            ),
            answer=(
                Words(
                    "互认版专项信用报告由北京、天津、河北、山西四地共同认可，"
                    "一份报告写明企业在四地所列领域有无行政处罚记录、是否被列入严重失信主体名单。",
                    "It is recognised in Beijing, Tianjin, Hebei and Shanxi. One report tells whether there are records of "
                    "penalties or of entries in lists of serious dishonesty in the listed domains of all four.",
                ),
                Words(
                    "各省（市）自己的专项信用报告只反映本省（市）的情况，领域可能更多，例如北京版涵盖45个领域。"
                    "两种报告并存，由您选择。",
                    "A province's own report tells about that province alone and may cover more domains; Beijing's covers "
                    "45. Both exist side by side, and the choice is yours.",
                ),
            ),
            pages=("catalogue", "specimen"),
        ),
        Question(
            anchor="what-it-shows",
            asked=Words("它能证明什么，不能证明什么？", "What does it show, and what not?"),
            answer=(
                Words(
                    "能证明：在您选定的时段和领域内，四地范围内的行政处罚决定和严重失信主体名单列入情况。",
                    "It shows penalty decisions and entries in lists of serious dishonesty, in the period and domains that "
                    "you choose, in the four provinces.",
                ),
                Words(
                    "不能证明：四地以外的情况、互认事项清单未列的事项（如行政强制、经营异常名录、刑事裁判）、"
                    "贷款等信贷情况。它不是中国人民银行征信报告，也不对企业信用状况作评价。",
                    "It does not show anything outside the four, nor what the list of recognised matters leaves out "
                    "(coercive measures, the list of abnormal operations, criminal judgments), nor loans. It is not the "
                    "credit report of the People's Bank of China, and it judges nobody.",
                ),
            ),
            pages=("catalogue", "receivers"),
        ),
        Question(
            anchor="why-not-found",
            asked=Words("为什么写“未查询到”，而不写“没有”？", "Why does it say 'not found' and not 'none'?"),
            answer=(
                Words(
                    "报告只说查过的事：查了哪些领域、哪个时段、数据截至哪一天。没有查的、还没有归集到的，报告不作反映，"
                    "所以写“未查询到”。",
                    "The report tells what was searched: which domains, which period, and up to which day the data goes. Of "
                    "what was not searched or has not arrived it says nothing, so it says 'not found'.",
                ),
                Words(
                    "各领域的数据归集时间写在报告第四部分。刚作出的处罚决定需要一定时间才会归集（北京市为15个工作日内，"
                    "法定期限），其间可能尚未反映。",
                    "Up to when the data goes stands in part four of the report. A new decision takes some time to arrive "
                    "(in Beijing within 15 working days, set by law) and may be missing until then.",
                ),
            ),
        ),
        Question(
            anchor="credit-china",
            asked=Words("为什么和“信用中国”上看到的不一样？", "Why does it differ from what Credit China shows?"),
            answer=(
                Words(
                    "两者的口径不同：“信用中国”按公示期公示，本报告按您选定的查询时段汇总。公示已经结束、"
                    "但处罚决定日期落在查询时段内的记录，可能只在其中一处看到。具体口径写在每份报告的“报告说明”里。",
                    "They count differently. Credit China shows a record for its publication period; the report takes the "
                    "period that you choose. A record whose publication has ended may be seen in one and not in the other. "
                    "Each report states by which rule it was made.",
                ),
                Words(
                    "已经依法完成信用修复的记录，报告不列入。如果两处不一致是因为内容有误，可以提出异议。",
                    "A record that was repaired by law is left out of the report. If they differ because something is "
                    "wrong, you can object.",
                ),
            ),
            pages=("objections",),
        ),
        Question(
            anchor="branches",
            asked=Words(
                "包括分公司、子公司和法定代表人吗？",
                "Does it cover branches, subsidiaries and legal representatives?",
            ),
            answer=(
                Words(
                    "不包括。报告只写申请主体自己的记录。分公司用它自己的统一社会信用代码另行申请；子公司是另一个主体，"
                    "也要单独申请。报告不写股东、法定代表人和其他个人。",
                    "No. It covers the applicant's own records. A branch asks with its own code; a subsidiary is a subject "
                    "of its own and asks by itself. Nothing is said of shareholders, legal representatives or other people.",
                ),
                Words(
                    "集团需要为多家企业申请的，取得各家授权后可以批量办理。",
                    "Groups can ask for many enterprises at once, with a mandate of each.",
                ),
            ),
        ),
        Question(
            anchor="how-long-it-holds",
            asked=Words("报告有使用期限吗？", "Does a report expire?"),
            answer=(
                Words(
                    "报告不设有效期。它反映出具时的情况，接收单位在使用时核验一下当前状态就可以。",
                    "No. It tells how things stood when it was issued; whoever receives it verifies where it stands now.",
                ),
                Words(
                    "出具以后信息有变化的，核验时会显示“信息已更新”。这时请重新出具一份，同样免费。",
                    "If something changed afterwards, verification says that it was updated. Then ask for a new one, again "
                    "free of charge.",
                ),
            ),
            pages=("verify",),
        ),
    ),
)

_ASKING: Final = Group(
    "asking",
    Words("申请和登录", "Asking and logging in"),
    (
        Question(
            anchor="who-may-ask",
            asked=Words("谁可以申请？", "Who may ask?"),
            answer=(
                Words(
                    "登记在北京、天津、河北、山西的经营主体：企业、个体工商户、农民专业合作社以及它们的分支机构，"
                    "包括住所已从外地迁入的。",
                    "Enterprises, individual businesses, farmers' cooperatives and their branches that are registered in "
                    "Beijing, Tianjin, Hebei or Shanxi, also those that moved there.",
                ),
                Words(
                    "社会组织、机关和事业单位目前不能申请互认版，请使用本省（市）的专项信用报告。",
                    "Social organisations and public institutions cannot ask for this report yet. Please use the province's "
                    "own.",
                ),
            ),
            pages=("guide",),
        ),
        Question(
            anchor="which-site",
            asked=Words(
                "登记在外省（市），可以在本网站申请吗？",
                "Can I ask here if I am registered in another province?",
            ),
            answer=(
                Words(
                    "请到登记地所在省（市）的网站申请，由登记地牵头办理。四地出具的报告内容一致，"
                    "任何一地的网站都可以核验四地的报告。",
                    "Please ask at the site of the province of registration, which is in charge. The reports of all four "
                    "say the same, and each site verifies the reports of all four.",
                ),
                Words(
                    "跨省迁移的，以现在的登记地为准；以前的记录随企业一并查询。",
                    "After a move the present registration counts; earlier records are searched as well.",
                ),
            ),
            pages=("contact",),
        ),
        Question(
            anchor="cost-and-time",
            asked=Words("收费吗？要多久？", "What does it cost, and how long does it take?"),
            answer=(
                Words(
                    "免费。查询、下载、核验、异议、信用修复都不收取任何费用，也没有委托任何机构代收。",
                    "It is free of charge: asking, downloading, verifying, objecting and repair. Nobody has been entrusted "
                    "with charging for it.",
                ),
                Words(
                    "一般1分钟内出具。某一地系统暂未反馈时会久一些，系统会自动继续查询，"
                    "办理进度页写明已反馈和待反馈的省（市）。",
                    "Usually a minute. If a province does not answer it takes longer: it is asked again by itself, and the "
                    "progress page tells who has answered and who has not.",
                ),
            ),
        ),
        Question(
            anchor="login-level",
            asked=Words("登录以后为什么不能办理？", "I am logged in. Why can I do nothing?"),
            answer=(
                Words(
                    "以口令登录的，等级较低，可以浏览，不能办理。请退出后改用证书（法人一证通 UKey）或电子营业执照登录。",
                    "A login by password lets you look around and no more. Please log out, and log in with a certificate "
                    "(UKey) or the electronic business licence.",
                ),
            ),
        ),
        Question(
            anchor="mandate",
            asked=Words("我是经办人，怎样取得企业的授权？", "I am an agent. How do I get a mandate?"),
            answer=(
                Words(
                    "登录后打开“我的经办授权”，填写企业的统一社会信用代码并提交，会得到一个配对码。请法定代表人登录，"
                    "在“主体与经办人”核对配对码后确认，大约2分钟。也可以由法定代表人本人办理，或者带书面委托书到窗口。",
                    "Log in, open 'My mandates', enter the code of the enterprise and send it; you get a pairing code. Its "
                    "legal representative logs in, compares the code under 'The enterprise and its agents' and confirms: "
                    "about two minutes. The representative can also do it in person, or you bring a written mandate to a "
                    "window.",
                ),
            ),
            pages=("mandates",),
        ),
        Question(
            anchor="period-and-domains",
            asked=Words("可以只查部分领域、较短的时段吗？", "Can I ask for some domains, or a shorter period?"),
            answer=(
                Words(
                    "可以。时段最长5年，领域默认全部，都由您选。提交前有一页“这份报告将证明什么”，请先看接收单位要求的范围。",
                    "Yes. The period is five years at most, the domains are all of them unless you choose. Before you send "
                    "it, a page tells what the report will show; please compare it with what the receiver needs.",
                ),
                Words(
                    "没有选的领域，报告里写“未选”，不写有没有记录。",
                    "Of a domain that you did not choose the report says so, and nothing about records.",
                ),
            ),
        ),
        Question(
            anchor="not-answered",
            asked=Words("有的省（市）“未反馈”怎么办？", "What if a province has not answered?"),
            answer=(
                Words(
                    "四地没有全部反馈以前不出具报告。系统会自动继续查询，全部反馈后出具并通知您，不用重新申请。",
                    "No report is issued before all four have answered. They are asked again by themselves; when all have "
                    "answered it is issued and you are told. You need not ask again.",
                ),
                Words(
                    "急需向对方说明进度的，可以下载《办理进度单》。进度单只说明办到哪一步，不反映查询结果，不作证明使用。",
                    "To show that you have asked, download the progress sheet. It tells how far things are, not what was "
                    "found, and proves nothing.",
                ),
            ),
            pages=("progress", "status"),
        ),
    ),
)

_USING: Final = Group(
    "using",
    Words("核验和使用", "Verifying and using it"),
    (
        Question(
            anchor="how-to-verify",
            asked=Words("怎样核验一份报告？", "How is a report verified?"),
            answer=(
                Words(
                    "三种办法任选一种，都不用登录：用手机扫报告上的二维码；在核验页输入报告编号和核验码；"
                    "在核验页上传收到的 PDF 原文件。",
                    "In one of three ways, without logging in: scan the QR code with a phone; type report number and code; "
                    "or upload the PDF file as you received it.",
                ),
                Words(
                    "看到“核验一致”后，请把页面上的内容与手中的报告逐项核对，不一致的请勿采信。",
                    "When it says that it is authentic, compare what the page shows with the report in your hands, item by "
                    "item. Do not rely on it where they differ.",
                ),
            ),
            pages=("verify", "receivers"),
        ),
        Question(
            anchor="pdf-warning",
            asked=Words(
                "打开 PDF 提示“签名身份未知”，是报告有问题吗？",
                "My PDF reader says that the signer is unknown. Is something wrong?",
            ),
            answer=(
                Words(
                    "部分阅读软件不认识本报告所用的证书，会这样提示。请以核验页面的结果为准。",
                    "Some readers do not know the certificate that is used and say so. What the verification page says "
                    "counts.",
                ),
                Words(
                    "请保存收到的原文件，不要另存、打印成 PDF 或转换格式，否则文件无法核验。"
                    "这时还可以扫二维码或输入编号和核验码。",
                    "Keep the file as you received it. If it is saved anew, printed to PDF or converted it cannot be "
                    "verified; the QR code, or number and code, still can.",
                ),
            ),
            pages=("verify",),
        ),
        Question(
            anchor="was-updated",
            asked=Words(
                "核验显示“信息已更新”，是什么意思？",
                "Verification says that it was updated. What does that mean?",
            ),
            answer=(
                Words(
                    "这份报告确实是由出具单位出具的，出具以后有信息更新。更新可能是增加，也可能是更正或修复，"
                    "核验页不说明是哪一种。",
                    "The report was issued by the office that it names, and something has changed since. That may be an "
                    "addition, a correction or a repair; the page does not tell which.",
                ),
                Words(
                    "请企业按原来的选项重新出具一份。接收单位请收取新报告，不要据此推断企业有记录。",
                    "The enterprise can have it issued anew with the same choices. Receivers should take the new one and "
                    "conclude nothing from the change.",
                ),
            ),
        ),
        Question(
            anchor="refused-by-receiver",
            asked=Words("接收单位不收互认版报告，怎么办？", "A receiver does not accept the report. What now?"),
            answer=(
                Words(
                    "四地的行政机关或相关机构需要有关证明的，企业可以选择用互认版报告替代，法律法规另有规定的除外。"
                    "请先请对方看《接收单位须知》。",
                    "Where authorities or related institutions of the four need such a certificate, the enterprise may use "
                    "this report instead, unless a law provides otherwise. First show them the page for receivers.",
                ),
                Words(
                    "仍然不收的，记下单位、事项和日期，拨打接收单位所在省（市）信用主管部门的电话，或者12345。",
                    "If they still refuse, note the unit, the matter and the day, and call the credit office of the "
                    "receiver's province, or 12345.",
                ),
            ),
            pages=("receivers", "contact"),
        ),
        Question(
            anchor="asked-by-others",
            asked=Words("银行等单位能直接查我们的报告吗？", "Can a bank ask about us directly?"),
            answer=(
                Words(
                    "须经您书面同意。您在“授权他人查询”里签署授权书，写明给谁、用途、领域、次数和截止日期；随时可以撤回。",
                    "With your written consent only. You sign it under 'Consent': for whom, for what, which domains, how "
                    "often and until when. You can take it back at any time.",
                ),
                Words(
                    "谁在什么时候查询过，包括行政机关的履职查询，您都可以在“谁查询过我”看到。",
                    "Who looked you up and when, also on official duty, stands under 'Who looked us up'.",
                ),
            ),
        ),
    ),
)

_RECORDS: Final = Group(
    "records",
    Words("记录有问题", "When a record is wrong"),
    (
        Question(
            anchor="paid-or-wrong",
            asked=Words(
                "罚款已缴纳却没有显示，或者内容有误，怎么办？",
                "A fine is paid and this is not shown, or something is wrong. What now?",
            ),
            answer=(
                Words(
                    "已履行而未显示的，申请更新；内容、主体、期限有误或者不应当公开的，提出异议。"
                    "都由登记地信用主管部门牵头，会同来源单位核查，不用您自己跑几个省。",
                    "If it is performed and not shown, ask for an update. If content, subject or period are wrong, or it "
                    "should not be public, object. The credit office of your province is in charge and asks the source; you "
                    "need not go to other provinces.",
                ),
                Words(
                    "异议处理不影响申请行政复议和提起行政诉讼的权利和期限。",
                    "An objection changes nothing about your rights to administrative review or action in court, nor their "
                    "time limits.",
                ),
            ),
            pages=("objections", "contact"),
        ),
        Question(
            anchor="repair",
            asked=Words("怎样办理信用修复？要花钱吗？", "How is a record repaired? Does it cost anything?"),
            answer=(
                Words(
                    "信用修复免费。谁认定、谁修复：一般通过“信用中国”网站申请，市场监管领域通过国家企业信用信息公示系统，"
                    "失信被执行人信息向执行法院申请。",
                    "It is free of charge. Whoever made the decision repairs: in general through the Credit China site, for "
                    "market regulation through the National Enterprise Credit Information Publicity System; for court "
                    "enforcement apply to the court.",
                ),
                Words(
                    "本网站不受理也不批准信用修复，只说明途径。凡是收费“代办修复”的，都与我们无关，可以拨打12345反映。",
                    "This site neither accepts nor grants repair; it tells the way. Whoever charges for it has nothing to "
                    "do with us; tell 12345.",
                ),
            ),
            pages=("objections",),
        ),
    ),
)

GROUPS: Final = (_THE_REPORT, _ASKING, _USING, _RECORDS)
"""All of them, in the order in which they are read."""
