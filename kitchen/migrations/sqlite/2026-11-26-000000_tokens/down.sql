DROP INDEX orders_unsettled;
DROP INDEX orders_token;
ALTER TABLE orders DROP COLUMN token;
