ALTER TABLE migrated ADD COLUMN hair_color TEXT;
