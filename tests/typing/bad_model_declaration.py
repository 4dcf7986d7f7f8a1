"""Wrong uses of models that both checkers find before anything runs."""

from datetime import datetime

from storehaus.model import Field, Index, Model, field


class User(Model, table="users"):
    """A few fields."""

    id: Field[int] = field(generated="identity", primary_key=True)
    name: Field[str]
    nick: Field[str | None] = field(default=None)
    age: Field[int] = field(ge=0, default=0)
    version: Field[int] = field(version=True)


# The constructor.
User(name=3)  # error: arg-type | reportArgumentType
User()  # error: call-arg | reportCallIssue
User("a")  # error: call-arg | reportCallIssue
User(name=None)  # error: arg-type | reportArgumentType
User(name="a", nmae="b")  # error: call-arg | reportCallIssue
User(name="a", id=1)  # error: call-arg | reportCallIssue
User(name="a", version=1)  # error: call-arg | reportCallIssue
User(name="a", __tags__=["x"])  # error: call-arg | reportCallIssue
User(name="a", __created_at__=datetime.now())  # noqa: DTZ005  # error: call-arg | reportCallIssue

# Instances.
user = User(name="a")
user.name = 3  # error: assignment | reportAttributeAccessIssue
user.name = None  # error: assignment | reportAttributeAccessIssue
user.nmae = "a"  # error: attr-defined | reportAttributeAccessIssue
user.nick.upper()  # error: union-attr | reportOptionalMemberAccess

# Columns.
_ = User.nmae  # error: attr-defined | reportAttributeAccessIssue
for _ in User.name:  # error: misc | reportGeneralTypeIssues
    pass


# Declarations.
class Wrong(Model, table="wrongs"):
    """Wrong arguments of field()."""

    one: Field[int] = field(default="x")  # error: arg-type | reportAssignmentType
    two: Field[list[str]] = field(default_factory=dict)  # error: arg-type | reportAssignmentType
    three: Field[str] = field(primry_key=True)  # error: call-overload | reportCallIssue
    four: Field[str] = field(generated="always")  # error: call-overload | reportArgumentType
    five: Field[str] = field(on_delete="explode")  # error: call-overload | reportArgumentType
    six: Field[str] = field(version=True, default=1)  # error: call-overload | reportCallIssue


class Misspelt(Model, tabel="x"):  # error: - | reportGeneralTypeIssues
    """A keyword that is none."""


class Unlisted(Model, table="x", indexes=Index("a")):  # error: - | reportArgumentType
    """One index where several are wanted."""
