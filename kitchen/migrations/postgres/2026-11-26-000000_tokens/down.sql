DROP INDEX orders_unsettled;
ALTER TABLE orders DROP COLUMN token;
