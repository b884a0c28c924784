-- Who orders twice with the same token gets one order.
ALTER TABLE orders ADD COLUMN token TEXT NOT NULL DEFAULT gen_random_uuid()::text;
ALTER TABLE orders ALTER COLUMN token DROP DEFAULT;
CREATE UNIQUE INDEX orders_token ON orders (token);
-- Those of which it isn't known yet what the kitchen makes of them.
CREATE INDEX orders_unsettled ON orders (id) WHERE status IN ('placed', 'unanswered');
