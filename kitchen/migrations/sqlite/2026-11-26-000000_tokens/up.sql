-- Who orders twice with the same token gets one order. SQLite can't add a column without a default that is new for each row.
ALTER TABLE orders ADD COLUMN token TEXT NOT NULL DEFAULT '';
UPDATE orders SET token = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX orders_token ON orders (token);
-- Those of which it isn't known yet what the kitchen makes of them.
CREATE INDEX orders_unsettled ON orders (id) WHERE status IN ('placed', 'unanswered');
