"""The watch over the tests' pages: each trouble fails a test that does not expect it."""

import re

import pytest

TROUBLES = {
    "page error: oops": "setTimeout(() => { throw new Error('oops') })",
    "page error: lost": "Promise.reject(new Error('lost'))",
    "console error: oops": "console.error('oops')",
    "policy: style-src-elem blocked inline": "inline('style', 'textContent', 'body { display: none }')",
    "policy: style-src-attr blocked inline": "document.body.setAttribute('style', 'color: red')",
    "policy: require-trusted-types-for blocked trusted-types-sink": "document.body.innerHTML = '<p>x</p>'",
    "policy: connect-src blocked http://127.0.0.1:9": "fetch('http://127.0.0.1:9/')",
    "foreign request: https://127.0.0.1:9/a.png": "inline('img', 'src', 'https://127.0.0.1:9/a.png')",
    "static file: 404 ": "fetch('static/x/no.js')",
}
INLINE = """window.inline = (name, property, value) => {
  const made = document.createElement(name)
  made[property] = value
  document.head.append(made)
}"""


@pytest.mark.parametrize(("trouble", "script"), TROUBLES.items(), ids=[re.sub(r"\W+", "-", it) for it in TROUBLES])
def test_it_sees(page, watch, trouble, script):
    page.evaluate(INLINE)
    page.evaluate(f"(() => {{ try {{ {script} }} catch {{}} }})()")
    _until_seen(page, watch, trouble)
    assert page.evaluate("window.ran") is None
    watch.expect("")


def _until_seen(page, watch, trouble):
    for _ in range(100):
        if any(trouble in it for it in watch.troubles):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{trouble!r} is not in {watch.troubles}")
