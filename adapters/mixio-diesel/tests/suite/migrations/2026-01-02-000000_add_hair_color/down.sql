ALTER TABLE migrated DROP COLUMN hair_color;
