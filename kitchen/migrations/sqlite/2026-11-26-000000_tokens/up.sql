-- Made up by the client, for each order one: so a client that doesn't know what has become of its order may send it again. SQLite
-- can't add a column whose default is another for each row.
ALTER TABLE orders ADD COLUMN token TEXT NOT NULL DEFAULT '';
UPDATE orders SET token = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX orders_by_token ON orders (user, token);
-- For the latest orders of a user.
CREATE INDEX orders_by_user ON orders (user, id);
-- Those of which it isn't known yet what the kitchen makes of them.
CREATE INDEX orders_unsettled ON orders (id) WHERE status IN ('placed', 'unanswered');
