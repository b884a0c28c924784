CREATE TABLE orders (
    -- AUTOINCREMENT: an id is never used again, since the kitchen knows an order by it.
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user TEXT NOT NULL,
    details TEXT NOT NULL CHECK (details <> ''),
    status TEXT NOT NULL CHECK (status IN ('placed', 'accepted', 'rejected', 'unanswered')),
    mins INTEGER CHECK (status <> 'accepted' OR mins IS NOT NULL),
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;
