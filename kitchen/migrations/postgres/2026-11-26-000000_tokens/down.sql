DROP INDEX orders_unsettled;
DROP INDEX orders_by_user;
ALTER TABLE orders DROP COLUMN token;
