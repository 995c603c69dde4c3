"""Codes of an authenticator app: TOTP (RFC 6238), six digits, a new one every 30 seconds.

What comes in: the secret that app and service share, and a code. What goes out: the step of time
that the code is of, or None. A step that was used, and every one before it, is used no more. The
clock of a phone may be one step off.
"""

from __future__ import annotations

import io

STEP = 30
DRIFT = 1
"""Steps."""
_LABEL = "Reseen"


def new_secret() -> str:
    """160 random bits in base32."""
    import pyotp

    return pyotp.random_base32()


def step_of(secret: str, code: str, after: int, seconds: float) -> int | None:
    """Which step the code is of, at this time (seconds since 1970); `after`: the last one used."""
    import pyotp

    app, now = pyotp.TOTP(secret), int(seconds) // STEP
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        # Each is compared, whichever is right: time tells nothing.
        if pyotp.utils.strings_equal(app.generate_otp(step), code) and step > after:
            found = step
    return found


def address(secret: str, name: str) -> str:
    """What an app reads from the picture."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_LABEL)


def picture(address: str) -> str:
    """The picture for a phone's camera, as SVG that stands in the page: fetched from nowhere."""
    import segno

    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, "svg", xmldecl=False, svgns=False, omitsize=True, svgclass=None, lineclass=None
    )
    return out.getvalue().decode("utf-8")
