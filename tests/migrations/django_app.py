"""Django builds a schema, changes it, works with it and takes it back. Arguments: port, database, stage."""
import sys, os, django, tempfile, shutil
from django.conf import settings
port, db = sys.argv[1], sys.argv[2]
settings.configure(INSTALLED_APPS=['django.contrib.contenttypes','django.contrib.auth','django.contrib.sessions','shop'], SECRET_KEY='x', DEFAULT_AUTO_FIELD='django.db.models.BigAutoField', USE_TZ=True,
  DATABASES={'default': {'ENGINE':'django.db.backends.postgresql','NAME':db,'USER':'postgres','HOST':'127.0.0.1','PORT':port}})
folder = tempfile.mkdtemp(); os.makedirs(folder+'/shop/migrations'); open(folder+'/shop/__init__.py','w').close(); open(folder+'/shop/migrations/__init__.py','w').close(); sys.path.insert(0, folder)
def models(extra=''):
    open(folder+'/shop/models.py','w').write('''
from django.db import models
class Author(models.Model):
    name = models.CharField(max_length=50, db_index=True)
    born = models.DateField(null=True)
class Book(models.Model):
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    title = models.TextField()
    price = models.DecimalField(max_digits=8, decimal_places=2, default=1)
    tags = models.JSONField(default=list)
'''+extra)
models(); django.setup()
from django.core.management import call_command
from django.db import connection, transaction
try:
    call_command('makemigrations','shop',verbosity=0)
    open(folder+'/shop/migrations/0002_more.py','w').write('''
from django.db import migrations, models
def fill(apps, schema): apps.get_model("shop","Author").objects.update(rank=7)
class Migration(migrations.Migration):
    dependencies=[("shop","0001_initial")]
    operations=[migrations.AddField("author","rank",models.IntegerField(default=0)), migrations.AlterField("book","title",models.CharField(max_length=99)), migrations.RenameField("book","price","cost"), migrations.RunPython(fill, migrations.RunPython.noop), migrations.AddIndex("book", models.Index(fields=["cost"], name="book_cost")), migrations.CreateModel("Shelf",[("id",models.BigAutoField(primary_key=True)),("room",models.CharField(max_length=9, unique=True))])]
''')
    if sys.argv[3] == 'build':
        call_command('migrate', verbosity=0)
        sys.exit(0)
    for app in ('contenttypes', 'auth', 'sessions'): call_command('migrate', app, verbosity=0)
    call_command('migrate', 'shop', '0001', verbosity=0)
    from shop.models import Author, Book
    from django.db.models import Count, Sum, F
    from django.contrib.auth.models import User
    a = Author.objects.create(name='A'); b = Author.objects.create(name='B')
    Book.objects.bulk_create([Book(author=a,title='x',price=2),Book(author=a,title='y'),Book(author=b,title='z',tags=['q'])])
    print(list(Author.objects.annotate(n=Count('books'),s=Sum('books__price')).order_by('id').values_list('id','name','n','s')))
    Book.objects.filter(author=a).update(price=F('price')+1)
    print(list(Book.objects.select_related('author').order_by('id').values_list('title','price','author__name')))
    with transaction.atomic():
        Author.objects.get_or_create(name='C'); Author.objects.update_or_create(name='A', defaults={'born':'2000-01-01'})
    print(Author.objects.count(), Book.objects.aggregate(Sum('price')))
    User.objects.create_user('bob','b@x.y','pw'); print(User.objects.filter(username='bob').exists())
    b.delete(); print(Book.objects.count())
    call_command('migrate','shop',verbosity=0)
    with connection.cursor() as c:
        c.execute('select rank from shop_author order by id'); print(c.fetchall())
        print([x.name for x in connection.introspection.get_table_description(c,'shop_book')], sorted(connection.introspection.table_names(c)))
    call_command('migrate','shop','0001',verbosity=0)
    call_command('migrate','shop','zero',verbosity=0)
    with connection.cursor() as c: print(sorted(t for t in connection.introspection.table_names(c) if t.startswith('shop')))
    call_command('flush',interactive=False,verbosity=0)
    print(User.objects.count())
except Exception as e:
    print('ERR', type(e).__name__, e)
finally: shutil.rmtree(folder)
