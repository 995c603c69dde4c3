"""Tables for coming in: second factors, recovery codes, sign-ins under way, refused tries.

The same database and the same rules as `schema`. Users and their sessions are `service_schema`'s.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from reseen.store.schema import Pk, metadata

second_factors = Table(
    "second_factors",
    metadata,
    Column("pk", Pk, primary_key=True),
    Column("user_pk", ForeignKey("users.pk"), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("sealed", LargeBinary),
    Column("credential", LargeBinary, unique=True),
    Column("public_key", LargeBinary),
    Column("counter", BigInteger, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)
"""With what somebody proves, beside the password, who they are. `kind`: app (codes of an
authenticator) or key (WebAuthn). `sealed`: an app's secret. `credential`, `public_key`: a key's.
`counter`: an app's last step that was used; a key's own count of uses."""

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("user_pk", ForeignKey("users.pk"), nullable=False, index=True),
    Column("made_at", BigInteger, nullable=False),
)
"""`hash`: SHA-256 of 80 random bits. A code that was used is deleted."""

factor_roles = Table(
    "factor_roles",
    metadata,
    Column("role", String(16), primary_key=True),
)
"""Roles whose local accounts must have a second factor."""

sign_in_steps = Table(
    "sign_in_steps",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("bound", LargeBinary, nullable=False),
    Column("user_pk", ForeignKey("users.pk")),
    Column("what", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("ends_at", BigInteger, nullable=False, index=True),
)
"""What somebody has begun and not ended. `token`: SHA-256 of what names it. `kind`: password (given
rightly, a second factor is due), issuer (went to the OpenID provider), app (sets up an
authenticator). `bound`: SHA-256 of the browser's cookie. `what`: JSON. `sealed`: of an app, its
secret."""

sign_in_tries = Table(
    "sign_in_tries",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("began", BigInteger, primary_key=True, autoincrement=False),
    Column("tries", Integer, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
)
"""How often somebody tried in vain, by windows of time. `key`: a keyed hash of a name, an address
or both: it tells of neither. Rows go when they count no more."""
