DROP INDEX orders_unsettled;
DROP INDEX orders_by_user;
DROP INDEX orders_by_token;
ALTER TABLE orders DROP COLUMN token;
