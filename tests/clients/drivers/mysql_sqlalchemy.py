"""SQLAlchemy over PyMySQL: the ORM, Core and reflection."""

from decimal import Decimal

import sqlalchemy as sa
from mysql_suite import *  # noqa: F403
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    customer_id: Mapped[int] = mapped_column(sa.BigInteger)
    status: Mapped[str] = mapped_column(sa.String(20))
    total: Mapped[Decimal] = mapped_column(sa.Numeric(12, 2))


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    body: Mapped[str | None]


def engine(role="agent"):
    user, password = login(role)
    address = sa.URL.create("mysql+pymysql", user, password, HOST, int(PORT), DATABASE, query={"charset": "utf8mb4"})
    tls = {"ssl_ca": CA, "ssl_verify_cert": True, "ssl_verify_identity": True} if TLS else {"ssl_disabled": True}
    return sa.create_engine(address, connect_args=tls)


def refused(role, sql, *parts):
    with engine(role).connect() as connection:
        try:
            connection.execute(sa.text(sql))
        except sa.exc.DBAPIError as error:
            equal(error.orig.args[0], HELD)
            contains(error.orig.args[1], *parts)
        else:
            raise AssertionError(f"not refused: {sql}")
        connection.rollback()
        equal(connection.execute(sa.text("SELECT 1")).scalar_one(), 1)


@check
def query():
    with Session(engine()) as session:
        order = session.get(Order, 1)
        equal((order.status, order.total), ("paid", order_total(1)))


@check
def parameters():
    with Session(engine()) as session:
        found = session.scalars(sa.select(Order).where(Order.id.in_([1, 2, 3]), Order.status != "open").order_by(Order.id)).all()
        equal([order.id for order in found], [1, 2, 3])


@check
def masked():
    with engine().connect() as connection:
        masked_email(connection.execute(sa.text("SELECT email FROM customers WHERE id = :id"), {"id": 42}).scalar_one())


@check
def transaction():
    with Session(engine()) as session:
        session.add(Note(id=OFFSET + 1, body="kept"))
        session.commit()
        session.add(Note(id=OFFSET + 2, body="dropped"))
        session.flush()
        session.rollback()
        found = session.scalars(sa.select(Note).where(Note.id.in_([OFFSET + 1, OFFSET + 2]))).all()
        equal([(note.id, note.body) for note in found], [(OFFSET + 1, "kept")])


@check
def reflection():
    inspector = sa.inspect(engine())
    expect({"customers", "orders", "payments"} <= set(inspector.get_table_names()), "the shop's tables are listed")
    equal([column["name"] for column in inspector.get_columns("notes")], ["id", "body"])
    equal(inspector.get_pk_constraint("orders")["constrained_columns"], ["id"])
    equal(inspector.get_foreign_keys("orders")[0]["referred_table"], "customers")
    contains(inspector.get_view_names(), "customer_totals")


@check
def rows_100k():
    with engine("bulk").connect() as connection:
        found = connection.execute(sa.text("SELECT id, email FROM customers ORDER BY id")).all()
        equal(len(found), 100_000)
        masked_email(found[41].email)


@check
def streamed():
    with engine("bulk").connect() as connection:
        result = connection.execution_options(stream_results=True).execute(sa.text("SELECT id, email FROM customers ORDER BY id"))
        equal(sum(1 for _ in result), 100_000)


@check
def hold_approved():
    with engine().connect() as connection:
        connection.execute(sa.text(f"DROP TABLE approve_me_{TAG}"))


@check
def hold_denied():
    refused("agent", f"DROP TABLE deny_me_{TAG}", "approval denied [apr_", DENIAL)


@check
def hold_expired():
    refused("hasty", f"DROP TABLE expire_me_{TAG}", "approval expired [apr_")


run_all(lambda function: function())
