INSERT INTO contacts (name, phone) VALUES
('Al','2025550101'),
('Bo','2025550102');
