CREATE TABLE orders (
    -- A sequence never gives a number again, and the kitchen knows an order by it.
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "user" TEXT NOT NULL,
    details TEXT NOT NULL CHECK (details <> ''),
    status TEXT NOT NULL CHECK (status IN ('placed', 'accepted', 'rejected', 'unanswered')),
    mins INTEGER CHECK (status <> 'accepted' OR mins IS NOT NULL),
    -- As SQLite writes it, which has no type for it.
    created_at TEXT NOT NULL DEFAULT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
);
