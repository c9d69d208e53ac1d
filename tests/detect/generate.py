#!/usr/bin/env python3
"""Writes the corpus beside it: planted values, traps that look like some, and ordinary text. All values are made up.

Lines are tab-separated, with backslash escapes: planted.txt has detector, column name, planted value, text; traps.txt and
ordinary.txt have a column name and a text in which nothing should be found. The seed is fixed: same script, same files.
"""
import base64
import json
import pathlib
import random
import uuid

R = random.Random(20260101)
HERE = pathlib.Path(__file__).parent
FIRST = "anna ben carla david elif farid greta hugo ines jonas kaia liam mara nils olga pavel rosa sven tara umar".split()
LAST = "adler baker costa dvorak evans fischer garcia haas ivanov jensen kaya lopez meyer novak oliveira park".split()
HOSTS = "example.com example.org mail.example.net corp.example.co.uk beispiel.example.de uni.example.edu".split()
NOUNS = "order invoice parcel ticket refund delivery account report table meeting release server backup batch queue".split()
VERBS = "arrived failed shipped opened closed moved returned started stopped changed passed waited".split()


def digits(n):
    return "".join(R.choice("0123456789") for _ in range(n))


def chars(n, alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"):
    return "".join(R.choice(alphabet) for _ in range(n - 1)) + R.choice("0123456789")


def hexs(n):
    return "".join(R.choice("0123456789abcdef") for _ in range(n))


def luhn_digit(body):
    total = 0
    for index, char in enumerate(reversed(body)):
        value = int(char) * (2 if index % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(prefix, length):
    body = prefix + digits(length - len(prefix) - 1)
    return body + luhn_digit(body)


def not_card(prefix, length):
    number = card(prefix, length)
    return number[:-1] + str((int(number[-1]) + R.randint(1, 9)) % 10)


def grouped(number, sizes, gap):
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at:at + size])
        at += size
    return gap.join(parts)


def iban(country, bban):
    text = bban + country + "00"
    number = int("".join(str(int(char, 36)) for char in text))
    return f"{country}{98 - number % 97:02d}{bban}"


def sentence():
    return f"The {R.choice(NOUNS)} {R.choice(VERBS)} after the {R.choice(NOUNS)} of {R.choice(LAST).title()}"


def around(value):
    return R.choice([
        value, value, f"{sentence()}: {value}", f"{value} ({sentence()})", f"see {value}, please", f"<{value}>",
        f"{sentence()}.\n{value}\n{sentence()}.", json.dumps({"id": R.randint(1, 9999), "value": value}),
        json.dumps([{"a": {"b": value}}, None]), f"'{value}'", f"a={R.randint(1, 99)}, b={value}; c",
    ])


def emails():
    first, last = R.choice(FIRST), R.choice(LAST)
    local = R.choice([f"{first}.{last}", f"{first[0]}{last}", f"{first}_{last}{R.randint(1, 99)}", f"{first}+{R.choice(NOUNS)}",
                      f"{first}-{last}", first.upper(), f"o'{last}"])
    return f"{local}@{R.choice(HOSTS)}"


def cards():
    kind = R.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("3530", 16), ("62", 16)])
    number = card(*kind)
    sizes = [4, 6, 5] if len(number) == 15 else [4, 4, 4, 4]
    return R.choice([number, grouped(number, sizes, " "), grouped(number, sizes, "-")])


def ibans():
    country, bban = R.choice([
        ("DE", digits(18)), ("GB", "NWBK" + digits(14)), ("FR", digits(23)), ("NL", "ABNA" + digits(10)), ("ES", digits(20)),
        ("CH", digits(17)), ("NO", digits(11)), ("PL", digits(24)), ("MT", "MALT" + digits(23)), ("AT", digits(16))])
    whole = iban(country, bban)
    return R.choice([whole, " ".join(whole[at:at + 4] for at in range(0, len(whole), 4)), whole.lower()])


def ssns():
    area = R.choice([R.randint(1, 665), R.randint(667, 899)])
    number = f"{area:03d}-{R.randint(1, 99):02d}-{R.randint(1, 9999):04d}"
    plain = number.replace("-", "")
    return R.choice([
        ("ssn", number, number), ("note", number, f"SSN: {number}"), ("note", number, f"Her social security number is {number}."),
        ("body", number, json.dumps({"ssn": number})), ("note", plain, f"ssn {plain}"), ("code", number, number),
        ("tax_id", number.replace("-", " "), f"taxpayer {number.replace('-', ' ')}"),
        ("row", plain, json.dumps({"name": "x", "customer_ssn": plain}))])


def phones():
    us = f"{R.randint(2, 9)}{digits(2)}{R.randint(2, 9)}{digits(6)}"
    local = f"({us[:3]}) {us[3:6]}-{us[6:]}"
    world = R.choice([f"+49 30 {digits(4)} {digits(4)}", f"+44 20 7{digits(3)} {digits(4)}", f"+1 {us[:3]}-{us[3:6]}-{us[6:]}",
                      f"+1{us}", f"+33 6 {digits(2)} {digits(2)} {digits(2)} {digits(2)}", f"+91{R.randint(6, 9)}{digits(9)}"])
    return R.choice([
        ("note", world, around(world)), ("note", world, around(world)), ("note", local, f"Phone: {local}"),
        ("note", us, f"call {us} today"), ("contact_phone", local, local), ("body", us, json.dumps({"mobile": us})),
        ("note", f"030 {us[:7]}", f"Tel. 030 {us[:7]}"), ("note", local, f"fax no. {local}, ask for {R.choice(FIRST)}")])


def jwts():
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': R.choice(['HS256', 'RS256']), 'typ': 'JWT'})}.{part({'sub': digits(8), 'iat': 1700000000})}.{chars(43)}"


def pems():
    kind = R.choice(["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
    body = "\n".join(chars(64) for _ in range(R.randint(2, 5)))
    return body, f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


def keys():
    upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return R.choice([
        "AKIA" + chars(16, upper), "ASIA" + chars(16, upper), "ghp_" + chars(36), "github_pat_" + chars(82), "glpat-" + chars(20),
        "sk_live_" + chars(24), "rk_live_" + chars(24), "xoxb-" + digits(12) + "-" + chars(24), "AIza" + chars(35), "npm_" + chars(36),
        "SG." + chars(22) + "." + chars(43), "dop_v1_" + hexs(63) + "7", "shpat_" + hexs(31) + "3", "hf_" + chars(34), "hvs." + chars(24),
        "sk-proj-" + chars(48), "ya29." + chars(64), "whsec_" + chars(32)])


def bearers():
    token = chars(R.randint(24, 60))
    basic = base64.b64encode(f"{R.choice(FIRST)}:{chars(12)}".encode()).decode()
    return R.choice([(token, f"Authorization: Bearer {token}"), (basic, f"Authorization: Basic {basic}"),
                     (token, f"curl -H 'authorization: bearer {token}' https://api.example.com/v1")])


def urls():
    password = R.choice([chars(12), chars(8) + "%21", "p@" + chars(9), chars(5) + "/" + chars(5)])
    scheme = R.choice(["postgres", "postgresql", "mysql", "redis", "amqp", "https", "mongodb+srv"])
    return password, f"{scheme}://{R.choice(FIRST)}:{password}@db.example.com:5432/shop?sslmode=require"


def connections():
    password = chars(14)
    return password, R.choice([
        f"Server=db.example.com;Database=shop;User Id={R.choice(FIRST)};Password={password};", f"host=db port=5432 user=app password={password} dbname=shop",
        f"Data Source=db;Initial Catalog=shop;Uid=app;Pwd={password}", f"app:{password}@tcp(10.0.0.5:3306)/shop?parseTime=true",
        f"AccountName=shop;AccountKey={password}{password};EndpointSuffix=core.example.net"])


def planted():
    lines = []

    def add(detector, name, value, text):
        lines.append((detector, name, value, text))
    for _ in range(120):
        value = emails(); add("email", "note", value, around(value))
        value = cards(); add("card", "note", value, around(value))
        value = ibans(); add("iban", "note", value, around(value))
        add("ssn", *ssns())
        add("phone", *phones())
        value = jwts(); add("jwt", "note", value, around(value))
        value = keys(); add("api_key", "note", value, around(value))
    for _ in range(60):
        add("private_key", "note", *pems())
        add("bearer", "note", *bearers())
        password, text = urls(); add("url_credentials", "note", password, around(text))
        password, text = connections(); add("connection_string", "note", password, text)
    # Hard ones: some of these are missed, and the recall says so.
    for _ in range(6):
        first, number = R.choice(FIRST), card("4", 16)
        add("email", "note", f"{first}@example", f"{first}@example (no top level)")
        add("email", "note", f"{first} at example dot com", f"write to {first} at example dot com")
        add("email", "note", f'"{first} x"@example.com', f'"{first} x"@example.com')
        add("card", "note", grouped(number, [2] * 8, " "), grouped(number, [2] * 8, " "))
        add("card", "note", grouped(number, [4] * 4, " / "), grouped(number, [4] * 4, " / "))
        long = card("4", 19)
        add("card", "note", long, f"card {long}")
        add("card", "note", number, f"visa{number}")
        value = f"{R.randint(200, 799)} {digits(3)} {digits(4)}"
        add("phone", "note", value, f"reach me under {value}")
        value = iban("DE", digits(18))
        add("iban", "note", value, f"IBAN{value}")
        add("ssn", "note", "123456789", "applicant 123456789")
    return lines


def traps():
    lines = []

    def add(name, text):
        lines.append((name, text))
    for _ in range(60):
        add("customer_id", f"{R.randint(1, 9)}{digits(9)}")
        add("created", str(R.randint(1500000000, 1799999999)))
        add("created_ms", str(R.randint(1500000000000, 1799999999999)))
        add("created_us", str(R.randint(1500000000000000, 1799999999999999)))
        add("phone_verified_at", str(R.randint(1500000000, 1799999999)))
        add("ean", "400" + digits(10))
        add("ean", f"item {R.randint(1, 9)}{digits(12)}")
        add("commit", hexs(40))
        add("message", f"Merge {hexs(7)} into {hexs(10)}")
        add("version", f"{R.randint(0, 30)}.{R.randint(0, 99)}.{R.randint(0, 99)}.{R.randint(0, 9999)}")
        add("version", f"v{R.randint(0, 30)}.{R.randint(0, 200)}.{R.randint(0, 255)}.{R.randint(0, 255)}")
        add("id", str(uuid.UUID(int=R.getrandbits(128), version=4)))
        add("snowflake", f"1{digits(18)}")
        add("number", not_card("4", 16))
        add("number", grouped(not_card("51", 16), [4, 4, 4, 4], " "))
        add("amount", f"{digits(3)}.{digits(16)}")
        add("part", f"{digits(3)}-{digits(2)}-{digits(4)}-{R.choice('ABC')}")
        add("sku", f"{R.choice('ABCDEF')}{R.choice('ABCDEF')}{digits(2)}-{digits(4)}")
        add("imei", "35" + digits(13))
        add("tracking", f"9400 {digits(4)} {digits(4)} {digits(4)} {digits(4)} {digits(2)}")
        add("package", f"@scope/{R.choice(NOUNS)}@{R.randint(1, 9)}.{R.randint(0, 20)}.{R.randint(0, 9)}")
        add("file", f"{R.choice(NOUNS)}@{R.choice('23')}x.png")
        add("remote", f"git@host.example.org:{R.choice(NOUNS)}/{R.choice(NOUNS)}.git")
        add("handle", f"thanks @{R.choice(FIRST)} and @{R.choice(LAST)}!")
        add("url", f"https://example.com:8443/{R.choice(NOUNS)}?at=12:30&page={R.randint(1, 99)}")
        add("url", "postgres://app@db.example.com/shop")
        add("env", "postgres://app:${DB_PASSWORD}@db/shop")
        add("help", "Use password=<your password> with host=db")
        add("text", R.choice(["bearer of good news everywhere", "Bearer tokens are strings", "basic understanding of it", "Basic configuration steps"]))
        add("key_id", f"sk_{R.choice(NOUNS)}_id")
        add("placeholder", "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx")
        add("cert", "-----BEGIN CERTIFICATE-----\n" + chars(64) + "\n-----END CERTIFICATE-----")
        add("pub", "-----BEGIN PUBLIC KEY-----\n" + chars(64) + "\n-----END PUBLIC KEY-----")
        add("blob", base64.b64encode(bytes(R.getrandbits(8) for _ in range(48))).decode())
        add("iban_like", "DE" + digits(20) if R.random() < .5 else "GB82 WEST " + digits(4))
        add("offset", f"+{R.randint(0, 12):02d}00")
        add("diff", f"+{R.randint(1000, 99999)} -{R.randint(1, 999)}")
        add("sum", f"1+{digits(10)}")
        add("price", f"{R.randint(1, 999)},{digits(3)}.{digits(2)}")
        add("period", f"2024-0{R.randint(1, 9)}-{R.randint(10, 28)} 2025-1{R.randint(0, 2)}-{R.randint(10, 28)}")
        add("dimensions", f"{digits(4)} x {digits(4)} x {digits(4)}")
        add("row", json.dumps({"id": int(digits(10)) + 1, "ts": 1700000000 + R.randint(0, 10**7), "hash": hexs(64)}))
        add("row", json.dumps({"phone_count": 3, "call_id": f"C-{digits(9)}", "pan_european": True}))
    return lines


def ordinary():
    lines = []

    def add(name, text):
        lines.append((name, text))
    for index in range(160):
        first, last = R.choice(FIRST).title(), R.choice(LAST).title()
        add("name", f"{first} {last}")
        add("city", R.choice(["Utrecht", "São Paulo", "Zürich", "Kraków", "London SW1A 1AA", "10115 Berlin", "Austin, TX 78701"]))
        add("status", R.choice(["paid", "open", "in transit", "returned", "cancelled", "on hold"]))
        add("note", f"{sentence()}. {sentence()}, and nobody noticed until {R.randint(1, 12)}:{R.randint(10, 59)} pm.")
        add("subject", f"Re: {R.choice(NOUNS)} #{R.randint(1000, 99999)} {R.choice(VERBS)}")
        add("description", f"{R.choice(NOUNS).title()} for {R.randint(2, 9)} people, {R.randint(10, 99)} x {R.randint(10, 99)} cm, {R.randint(1, 40)} kg")
        add("log", f"2025-{R.randint(1, 12):02d}-{R.randint(1, 28):02d}T{R.randint(0, 23):02d}:14:07.{digits(6)}Z INFO worker-{R.randint(1, 9)} {R.choice(NOUNS)} {hexs(8)} took {R.randint(1, 900)} ms")
        add("error", f"duplicate key value violates unique constraint \"{R.choice(NOUNS)}_pkey\"")
        add("error", f"relation \"{R.choice(NOUNS)}s\" does not exist at character {R.randint(8, 90)}")
        add("sql", f"SELECT {R.choice(NOUNS)}_id, count(*) FROM {R.choice(NOUNS)}s WHERE total > {R.randint(1, 999)} GROUP BY 1")
        add("address", f"{R.randint(1, 300)} {last} Street, Apt {R.randint(1, 40)}")
        add("invoice", f"INV-2025-{digits(6)}")
        add("reference", f"{R.choice('ABCDEFGH')}{digits(7)}/{digits(2)}")
        add("payload", json.dumps({"order": R.randint(1, 10**6), "items": [{"sku": f"A{digits(5)}", "qty": R.randint(1, 9)}], "note": sentence(), "paid": True}))
        add("path", f"/srv/data/{R.choice(NOUNS)}/{hexs(8)}.parquet")
        add("agent", f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{R.randint(90, 140)}.0.{digits(4)}.{digits(2)} Safari/537.36")
        add("url", f"https://www.example.com/{R.choice(NOUNS)}/{R.randint(1, 10**7)}?utm_source=newsletter&id={hexs(12)}")
        add("coordinates", f"{R.uniform(-90, 90):.6f}, {R.uniform(-180, 180):.6f}")
        add("isbn", f"978-{R.randint(0, 9)}-{digits(4)}-{digits(4)}-{R.randint(0, 9)}")
        add("sales", f"{R.randint(1000, 9999)} {R.randint(1000, 9999)} {R.randint(1000, 9999)} {R.randint(10, 99)}")
    return lines


def write(name, lines):
    escape = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t"})
    text = "".join("\t".join(part.translate(escape) for part in line) + "\n" for line in lines)
    (HERE / name).write_text(text, encoding="utf-8")


write("planted.txt", planted())
write("traps.txt", traps())
write("ordinary.txt", ordinary())
