-- Made up by the client, for each order one: so a client that doesn't know what has become of its order may send it again.
ALTER TABLE orders ADD COLUMN token TEXT;
CREATE UNIQUE INDEX orders_by_token ON orders (user, token) WHERE token IS NOT NULL;
-- For the latest orders of a user.
CREATE INDEX orders_by_user ON orders (user, id);
